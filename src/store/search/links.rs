//! Memberships in a filter: `members.*` of a group, `groups.*` of a user, as the reader counts them.

use crate::scim::filter::{MemberPart, Test};
use crate::scim::key;

use super::View;
use super::compile::{Compiler, DISPLAY, word};

impl Compiler<'_> {
    /// The membership rows that this reader counts.
    pub(super) fn member_rows(&mut self, alias: &str) -> String {
        match self.side.view {
            View::Effective => format!("{alias}.live"),
            View::Push { connection, .. } => {
                let source = self.text(format!("push:{connection}"));
                format!("{alias}.source = {source} and {alias}.word = 'grant'")
            }
        }
    }

    pub(super) fn member(&mut self, part: MemberPart, test: &Test) -> String {
        if let Test::Ne(key) = test {
            let some = self.member_test(part, &Test::Ne(key.clone()));
            let any = self.member_test(part, &Test::Present);
            return format!("({some} or not {any})");
        }
        self.member_test(part, test)
    }

    pub(super) fn member_test(&mut self, part: MemberPart, test: &Test) -> String {
        let rows = self.member_rows("x");
        let condition = self.member_part("x", part, test);
        format!("r.id in (select x.parent from vouch x where x.tenant = {} and {condition} and {rows})", self.tenant)
    }

    pub(super) fn member_part(&mut self, alias: &str, part: MemberPart, test: &Test) -> String {
        match part {
            // No argument that the text does not name: a prepared statement is remembered by its text alone.
            MemberPart::Ref if *test == Test::Present => "true".to_owned(),
            MemberPart::Value => self.column(&format!("{alias}.member"), test),
            MemberPart::Type => self.folded_constant(&format!("{alias}.member_kind"), &["User", "Group"], test),
            MemberPart::Ref => {
                let base = self.text(self.query.base);
                self.column(
                    &format!("({base} || case {alias}.member_kind when 'User' then 'Users/' else 'Groups/' end || {alias}.member)"),
                    test,
                )
            }
            MemberPart::Display => self.display_of(&format!("{alias}.member"), test),
        }
    }

    /// The display of a linked resource, found by its id; the whole text is compared, as links hold it uncut.
    pub(super) fn display_of(&mut self, id: &str, test: &Test) -> String {
        let condition = match test {
            Test::Present => "y.val <> ''".to_owned(),
            other => self.column("coalesce(y.whole, y.val)", other),
        };
        format!(
            "exists (select 1 from value y where y.tenant = {} and y.resource = {id} and y.view = '' and y.attr = '{DISPLAY}' and {condition})",
            self.tenant
        )
    }

    /// A column that holds one of a few words, compared without regard to case.
    pub(super) fn folded_constant(&mut self, column: &str, words: &[&str], test: &Test) -> String {
        let matching: Vec<String> = words
            .iter()
            .filter(|word| test.accepts(&key::fold(word), None))
            .map(|word| format!("{column} = '{word}'"))
            .collect();
        if matching.is_empty() { "false".to_owned() } else { format!("({})", matching.join(" or ")) }
    }

    pub(super) fn group(&mut self, part: MemberPart, test: &Test) -> String {
        if let Test::Ne(key) = test {
            let some = self.group_part(part, &Test::Ne(key.clone()));
            let (some, any) = (self.group_exists(&some), self.group_exists("true"));
            return format!("({some} or not {any})");
        }
        let condition = self.group_part(part, test);
        self.group_exists(&condition)
    }

    pub(super) fn group_part(&mut self, part: MemberPart, test: &Test) -> String {
        match part {
            MemberPart::Ref if *test == Test::Present => "true".to_owned(),
            MemberPart::Value => self.column("up.id", test),
            MemberPart::Type => {
                let direct = word(test.accepts("direct", None));
                let indirect = word(test.accepts("indirect", None));
                format!("case when up.depth = 0 then {direct} else {indirect} end")
            }
            MemberPart::Ref => {
                let base = self.text(self.query.base);
                self.column(&format!("({base} || 'Groups/' || up.id)"), test)
            }
            MemberPart::Display => self.display_of("up.id", test),
        }
    }

    /// Some group of the person passes: direct ones, and for the effective view those that contain one of them.
    pub(super) fn group_exists(&mut self, condition: &str) -> String {
        let rows = self.member_rows("x");
        let tenant = self.tenant.clone();
        if self.connection.is_some() {
            return format!(
                "exists (select 1 from (select x.parent as id, 0 as depth from vouch x where x.tenant = {tenant} and x.member = r.id and {rows}) up
                 where exists (select 1 from resource g where g.tenant = {tenant} and g.id = up.id and g.kind = 'Group') and {condition})"
            );
        }
        format!("exists (select 1 from ({}) up where {condition})", super::super::memberships::closure(&tenant, "r.id"))
    }
}
