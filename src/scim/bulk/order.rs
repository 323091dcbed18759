//! The order of operations that need each other: what is needed comes first, and what is needed in a circle comes together.
//!
//! Tarjan's algorithm, our own in forty lines: petgraph's calls itself once per operation of a chain, and a request may
//! bring ten thousand of them.

use std::collections::BTreeSet;

/// Operations that run together, in the order of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub operations: Vec<usize>,
    /// They need each other, or one needs itself.
    pub is_circular: bool,
}

/// Steps in the order of execution. An operation runs at its place in the request; one that needs a later one runs at the
/// place of that one, right after it, and a circle at the place of its last operation. So operations that need nothing
/// keep their order (RFC 7644 §3.7).
pub fn steps(needs: &[&BTreeSet<usize>]) -> Vec<Step> {
    let circles = circles(needs);
    let mut member_of = vec![0; needs.len()];
    for (at, operations) in circles.iter().enumerate() {
        for &operation in operations {
            member_of[operation] = at;
        }
    }
    // A circle comes out after all that it needs, so both figures are known of what is needed.
    let mut place = vec![(0, 0); circles.len()];
    for (at, operations) in circles.iter().enumerate() {
        let mut last = operations.last().copied().unwrap_or_default();
        let mut depth = 0;
        let needed = operations.iter().flat_map(|&operation| needs[operation]).map(|&needed| member_of[needed]);
        for needed in needed.filter(|&needed| needed != at) {
            last = last.max(place[needed].0);
            depth = depth.max(place[needed].1 + 1);
        }
        place[at] = (last, depth);
    }
    let mut order: Vec<usize> = (0..circles.len()).collect();
    order.sort_by_key(|&at| (place[at], circles[at][0]));
    let step = |at: usize| {
        let operations = circles[at].clone();
        let is_circular = operations.len() > 1 || needs[operations[0]].contains(&operations[0]);
        Step { operations, is_circular }
    };
    order.into_iter().map(step).collect()
}

const UNSEEN: usize = usize::MAX;

/// Strongly connected sets, each after all that it needs; within, in the order of the request.
fn circles(needs: &[&BTreeSet<usize>]) -> Vec<Vec<usize>> {
    let (mut number, mut low) = (vec![UNSEEN; needs.len()], vec![UNSEEN; needs.len()]);
    let mut is_open = vec![false; needs.len()];
    let (mut open, mut found, mut count) = (Vec::new(), Vec::new(), 0);
    for root in 0..needs.len() {
        if number[root] != UNSEEN {
            continue;
        }
        // Each entry: an operation, and which of its needs are still to be looked at.
        let mut path = vec![(root, needs[root].iter())];
        while let Some((at, rest)) = path.last_mut() {
            let at = *at;
            if number[at] == UNSEEN {
                (number[at], low[at]) = (count, count);
                count += 1;
                open.push(at);
                is_open[at] = true;
            }
            match rest.next() {
                Some(&next) if number[next] == UNSEEN => path.push((next, needs[next].iter())),
                Some(&next) if is_open[next] => low[at] = low[at].min(number[next]),
                Some(_) => {}
                None => {
                    path.pop();
                    if let Some((before, _)) = path.last() {
                        low[*before] = low[*before].min(low[at]);
                    }
                    if low[at] == number[at] {
                        let first = open.iter().rposition(|&other| other == at).unwrap_or_default();
                        let mut circle = open.split_off(first);
                        circle.iter().for_each(|&member| is_open[member] = false);
                        circle.sort_unstable();
                        found.push(circle);
                    }
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ordered(needs: &[BTreeSet<usize>]) -> Vec<Step> {
        steps(&needs.iter().collect::<Vec<_>>())
    }

    fn table(needs: &[&[usize]]) -> Vec<(Vec<usize>, bool)> {
        let needs: Vec<BTreeSet<usize>> = needs.iter().map(|needs| needs.iter().copied().collect()).collect();
        ordered(&needs).into_iter().map(|step| (step.operations, step.is_circular)).collect()
    }

    #[test]
    fn orders() {
        let one = |operation: usize| (vec![operation], false);
        let together = |operations: &[usize]| (operations.to_vec(), true);
        for (needs, expected) in [
            (&[][..], vec![]),
            (&[&[][..], &[], &[]][..], vec![one(0), one(1), one(2)]),
            // Backward: nothing moves.
            (&[&[], &[0], &[1]], vec![one(0), one(1), one(2)]),
            // Forward: it waits, right behind what it needs.
            (&[&[2], &[], &[], &[]], vec![one(1), one(2), one(0), one(3)]),
            // A chain forward.
            (&[&[1], &[2], &[3], &[], &[]], vec![one(3), one(2), one(1), one(0), one(4)]),
            // What needs something that waits, waits too.
            (&[&[3], &[0], &[], &[]], vec![one(2), one(3), one(0), one(1)]),
            // A circle at the place of its last operation.
            (&[&[2], &[], &[0], &[]], vec![one(1), together(&[0, 2]), one(3)]),
            (&[&[0], &[]], vec![together(&[0]), one(1)]),
            // Two circles, the second needs the first; and one that needs both.
            (&[&[3, 4], &[4], &[3], &[2], &[1]], vec![together(&[2, 3]), together(&[1, 4]), one(0)]),
        ] {
            assert_eq!(table(needs), expected, "{needs:?}");
        }
    }

    #[test]
    fn a_chain_of_ten_thousand_is_no_matter() {
        let needs: Vec<BTreeSet<usize>> =
            (1..10_000).map(|next| BTreeSet::from([next])).chain([BTreeSet::new()]).collect();
        let steps = ordered(&needs);
        assert_eq!(steps.len(), 10_000);
        assert_eq!((steps[0].operations[0], steps[9_999].operations[0]), (9_999, 0));
    }

    /// Who is reached from where, by the naive closure.
    fn reach(needs: &[BTreeSet<usize>]) -> Vec<BTreeSet<usize>> {
        let mut reach: Vec<BTreeSet<usize>> = needs.to_vec();
        for _ in 0..needs.len() {
            for at in 0..needs.len() {
                let more: BTreeSet<usize> = reach[at].iter().flat_map(|&next| reach[next].clone()).collect();
                reach[at].extend(more);
            }
        }
        reach
    }

    fn graphs() -> impl Strategy<Value = Vec<BTreeSet<usize>>> {
        (1..9_usize).prop_flat_map(|size| prop::collection::vec(prop::collection::btree_set(0..size, 0..3), size))
    }

    proptest! {
        #[test]
        fn every_operation_runs_once_after_what_it_needs_and_no_later_than_it_must(needs in graphs()) {
            let steps = ordered(&needs);
            let reach = reach(&needs);
            let at: Vec<usize> = (0..needs.len())
                .map(|operation| steps.iter().position(|step| step.operations.contains(&operation)).unwrap())
                .collect();
            let listed: Vec<usize> = steps.iter().flat_map(|step| step.operations.clone()).collect();
            prop_assert_eq!(listed.len(), needs.len());
            for a in 0..needs.len() {
                prop_assert_eq!(steps[at[a]].is_circular, reach[a].contains(&a));
                // Its place: itself, and all that it needs however indirectly.
                let place = reach[a].iter().copied().chain([a]).max();
                for b in 0..needs.len() {
                    let in_circle = a == b || (reach[a].contains(&b) && reach[b].contains(&a));
                    prop_assert_eq!(at[a] == at[b], in_circle);
                    if reach[a].contains(&b) {
                        prop_assert!(at[b] <= at[a]);
                    }
                    let other = reach[b].iter().copied().chain([b]).max();
                    if place < other {
                        prop_assert!(at[a] < at[b]);
                    }
                }
            }
        }
    }
}
