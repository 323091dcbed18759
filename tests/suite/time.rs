//! What time ends without a request: grants, leases, invitations. Each is told in the feed with its cause.

use rollkeeper::directory::{ConnectionInfo, Ticked};
use rollkeeper::jit::claims::Statement;
use rollkeeper::jit::login::Logins;
use rollkeeper::{auth::egress::Egress, auth::egress::EgressPolicy, auth::jwks::Jwks};
use serde_json::{Value, json};

use crate::support::both_engines;
use crate::support::roll::{MINUTE, Roll};

const DAY: i64 = 24 * 60 * MINUTE;

/// (kind, cause) of the events that the tick wrote.
async fn ticked(roll: &Roll) -> (Ticked, Vec<(String, String)>) {
    let before = roll.events().await.len();
    let ticked = roll.directory.tick().await.expect("it ticks");
    roll.events().await;
    let page = roll.directory.events(&roll.tenant, None, 1000).await.expect("the feed is readable");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = page.events.iter().skip(before).map(|event| (text(&event["kind"]), text(&event["cause"]["source"])));
    (ticked, told.collect())
}

async fn sign_in(roll: &Roll, connection: &str, groups: &[&str]) -> String {
    let keys = Jwks::new(Egress::new(EgressPolicy::default()), roll.clock.clone());
    let logins = Logins { directory: roll.directory.clone(), keys };
    let Value::Object(claims) = json!({"email": "ana@acme.example", "groups": groups}) else {
        unreachable!("an object")
    };
    let stamp = roll.clock.now();
    let statement = Statement { subject: "ana".to_owned(), stamp, claims, evidence: format!("{stamp}") };
    let answer = logins.present(&roll.tenant, connection, &statement, None, false).await;
    answer.unwrap_or_else(|refused| panic!("{}", refused.code)).user.id
}

fn one(kind: &str, cause: &str) -> Vec<(String, String)> {
    vec![(kind.to_owned(), cause.to_owned())]
}

both_engines! {
    async fn a_grant_ends_by_itself(database: Database) {
        let roll = Roll::open(database).await;
        let admin = roll.administrator();
        let staff = admin.post("Group", json!({"displayName": "staff"})).await.expect("a group").id;
        let ana = admin.post("User", json!({"userName": "ana"})).await.expect("a person").id;
        let until = roll.clock.now() + MINUTE;
        roll.directory.grant(&roll.tenant, &ana, &staff, Some(until)).await.expect("a grant");
        assert_eq!(ticked(&roll).await, (Ticked::default(), vec![]));
        roll.clock.advance(MINUTE);
        let expected = Ticked { grants: 1, ..Ticked::default() };
        assert_eq!(ticked(&roll).await, (expected, one("membership.removed", "time:until")));
        assert_eq!(ticked(&roll).await, (Ticked::default(), vec![]), "once");
        roll.verified().await;
    }

    async fn a_role_ends_with_the_lease_of_its_claim(database: Database) {
        let roll = Roll::open(database).await;
        let moby = roll.administrator().post("Organization", json!({"slug": "moby"})).await.expect("made").id;
        let roles = json!({"from": "groups", "map": {"O": "owner"}});
        let settings = json!({"groups": {"lease": "P30D"}, "default": {"organization": "moby"}, "roles": roles});
        let okta = roll.connection("okta", settings).await;
        sign_in(&roll, &okta, &["O"]).await;
        let role = async || {
            let roster = roll.directory.organization_members(&roll.tenant, &moby, 1, 10).await.expect("read");
            roster.members[0].role.clone()
        };
        assert_eq!(role().await, "owner");
        roll.clock.advance(30 * DAY);
        assert_eq!(ticked(&roll).await.0, Ticked { leases: 1, ..Ticked::default() });
        assert_eq!(role().await, "member");
        assert_eq!(ticked(&roll).await.0, Ticked::default(), "once");
        roll.verified().await;
    }

    async fn a_grant_for_good_replaces_one_that_ends(database: Database) {
        let roll = Roll::open(database).await;
        let admin = roll.administrator();
        let staff = admin.post("Group", json!({"displayName": "staff"})).await.expect("a group").id;
        let ana = admin.post("User", json!({"userName": "ana"})).await.expect("a person").id;
        let grant = async |until| roll.directory.grant(&roll.tenant, &ana, &staff, until).await.expect("a grant");
        grant(Some(roll.clock.now() + MINUTE)).await;
        grant(None).await;
        roll.clock.advance(MINUTE);
        assert_eq!(ticked(&roll).await.0, Ticked::default());
        assert_eq!(roll.reader().members(&staff).await, std::slice::from_ref(&ana));

        // One that is over is none: to add the member is to grant anew.
        grant(Some(roll.clock.now() + MINUTE)).await;
        roll.clock.advance(MINUTE);
        assert_eq!(ticked(&roll).await.0.grants, 1);
        let add = json!({"op": "add", "path": "members", "value": [{ "value": ana }]});
        admin.patch("Group", &staff, add).await.expect("added");
        assert_eq!(roll.reader().members(&staff).await, std::slice::from_ref(&ana));
        roll.verified().await;
    }

    async fn a_lease_ends_by_the_clock_and_a_login_renews_it(database: Database) {
        let roll = Roll::open(database).await;
        let staff = roll.administrator().post("Group", json!({"displayName": "staff"})).await.expect("a group").id;
        let settings = json!({"groups": {"lease": "P30D", "table": {"S": staff}}});
        let okta = roll.connection("okta", settings).await;
        let ana = sign_in(&roll, &okta, &["S"]).await;
        roll.clock.advance(29 * DAY);
        sign_in(&roll, &okta, &["S"]).await;
        roll.clock.advance(29 * DAY);
        assert_eq!(ticked(&roll).await.0, Ticked::default(), "the second login renewed it");
        roll.clock.advance(DAY);

        // Nothing ages while the connection is paused.
        let rules = |info: &ConnectionInfo| info.rules.clone();
        let before = roll.directory.connection(&roll.tenant, &okta).await.expect("read").expect("there");
        let state = |state: &str| Some(state.to_owned());
        let paused = roll.directory.update_connection(&roll.tenant, &okta, rules(&before), state("paused")).await;
        paused.expect("paused");
        assert_eq!(ticked(&roll).await.0, Ticked::default());
        assert_eq!(roll.reader().members(&staff).await, std::slice::from_ref(&ana));
        roll.verified().await;

        let resumed = roll.directory.update_connection(&roll.tenant, &okta, rules(&before), state("on")).await;
        resumed.expect("resumed");
        assert_eq!(roll.reader().members(&staff).await, [""; 0], "what had aged ends with the switch itself");
        assert_eq!(ticked(&roll).await.0, Ticked::default());
        sign_in(&roll, &okta, &["S"]).await;
        roll.clock.advance(30 * DAY);
        let expected = Ticked { leases: 1, ..Ticked::default() };
        assert_eq!(ticked(&roll).await, (expected, one("membership.removed", "time:lease")));
        let why = roll.directory.explain(&roll.tenant, &ana, &staff).await.expect("explained").explanation;
        assert!(why.sentence.contains("the lease of that ended"), "{}", why.sentence);
        roll.verified().await;
    }

    async fn an_invitation_expires(database: Database) {
        let roll = Roll::open(database).await;
        let staff = roll.administrator().post("Group", json!({"displayName": "staff"})).await.expect("a group").id;
        let until = Some(roll.clock.now() + MINUTE);
        roll.directory.invite(&roll.tenant, "eve@acme.example", None, Some(&staff), None, until).await.expect("invited");
        roll.clock.advance(MINUTE);
        let expected = Ticked { invitations: 1, ..Ticked::default() };
        assert_eq!(ticked(&roll).await, (expected, one("invitation.expired", "time:expires")));
        assert_eq!(roll.directory.invitations(&roll.tenant).await.expect("read")[0].state, "expired");
        assert_eq!(ticked(&roll).await, (Ticked::default(), vec![]), "once");
    }
}
