//! Average-link clustering, by chains of nearest neighbours: n² steps, and the same groups as
//! joining the two nearest over and over again.

use super::likeness::Likeness;

/// A group that may still grow.
struct Cluster {
    members: Vec<usize>,
    /// The likeness of its members to those of each other group, summed up.
    sums: Vec<u64>,
}

/// Joins what is alike by at least `cut` on average; members and groups in order.
pub(super) fn average(likeness: &Likeness, cut: u64) -> Vec<Vec<usize>> {
    let count = likeness.texts();
    let mut clusters: Vec<_> = (0..count).map(|at| Some(Cluster::of(at, likeness))).collect();
    let mut groups = Vec::new();
    let mut chain = Vec::new();
    let mut first = 0;
    while let Some(top) = chain.last().copied().or_else(|| next(&clusters, &mut first)) {
        if chain.is_empty() {
            chain.push(top);
        }
        let before = chain.len().checked_sub(2).map(|at| chain[at]);
        match nearest(&clusters, top, before, cut) {
            // What it is near to is nearer to something else: look from there.
            Some(other) if Some(other) != before => chain.push(other),
            Some(other) => {
                chain.truncate(chain.len() - 2);
                join(&mut clusters, top, other);
            }
            // Nothing that happens to others can bring them nearer to it.
            None => {
                chain.pop();
                groups.extend(clusters[top].take().map(|cluster| cluster.members));
            }
        }
    }
    for members in &mut groups {
        members.sort_unstable();
    }
    groups.sort_unstable();
    groups
}

impl Cluster {
    fn of(member: usize, likeness: &Likeness) -> Self {
        let sums = (0..likeness.texts()).map(|other| likeness.of_pair(member, other)).collect();
        Self { members: vec![member], sums }
    }

    fn size(&self) -> u64 {
        self.members.len() as u64
    }
}

/// The next cluster that may still grow.
fn next(clusters: &[Option<Cluster>], first: &mut usize) -> Option<usize> {
    *first += clusters.get(*first..)?.iter().position(Option::is_some)?;
    Some(*first)
}

/// What a cluster is most like, if by `cut` at least: of equals `before`, then the first.
fn nearest(
    clusters: &[Option<Cluster>],
    top: usize,
    before: Option<usize>,
    cut: u64,
) -> Option<usize> {
    let top_cluster = clusters[top].as_ref()?;
    let mut nearest: Option<(usize, u64, u64)> = None;
    let others = clusters.iter().enumerate().filter(|(at, _)| *at != top);
    for (at, other) in others.filter_map(|(at, other)| Some((at, other.as_ref()?))) {
        let (sum, size) = (top_cluster.sums[at], other.size());
        if sum < cut * size * top_cluster.size() {
            continue;
        }
        // Averages, compared without a division.
        let is_nearer = nearest.is_none_or(|(_, most, of)| {
            let (this, that) = (sum * of, most * size);
            that < this || (that == this && Some(at) == before)
        });
        if is_nearer {
            nearest = Some((at, sum, size));
        }
    }
    nearest.map(|(at, _, _)| at)
}

/// Moves the members of `one` to `other`.
fn join(clusters: &mut [Option<Cluster>], one: usize, other: usize) {
    let Some(moved) = clusters[one].take() else { return };
    for cluster in clusters.iter_mut().flatten() {
        cluster.sums[other] += cluster.sums[one];
    }
    if let Some(joined) = &mut clusters[other] {
        joined.members.extend(moved.members);
        joined.sums.iter_mut().zip(moved.sums).for_each(|(sum, more)| *sum += more);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Joins the two nearest over and over again; `None` where two pairs are equally near.
    fn slowly(likeness: &Likeness, cut: u64) -> Option<Vec<Vec<usize>>> {
        let mut groups: Vec<_> = (0..likeness.texts()).map(|at| vec![at]).collect();
        loop {
            let mut pairs = Vec::new();
            for (at, one) in groups.iter().enumerate() {
                for (before, other) in groups[..at].iter().enumerate() {
                    let sums =
                        one.iter().flat_map(|a| other.iter().map(|b| likeness.of_pair(*a, *b)));
                    let (sum, size) = (sums.sum::<u64>(), (one.len() * other.len()) as u64);
                    if cut * size <= sum {
                        pairs.push((sum, size, before, at));
                    }
                }
            }
            // Of 16 texts at most, all sizes divide this.
            pairs.sort_by_key(|(sum, size, ..)| std::cmp::Reverse(sum * 720_720 / size));
            match pairs[..] {
                [] => break,
                [(a, of, ..), (b, per, ..), ..] if a * per == b * of => return None,
                [(_, _, before, at), ..] => {
                    let moved = groups.remove(at);
                    groups[before].extend(moved);
                }
            }
        }
        for members in &mut groups {
            members.sort_unstable();
        }
        groups.sort_unstable();
        Some(groups)
    }

    proptest! {
        #[test]
        fn as_joining_the_two_nearest(
            texts in prop::collection::vec("[abc ]{3,12}", 0..13),
            cut in 0..80_u64,
        ) {
            let likeness = Likeness::of(texts.iter().map(String::as_str));
            let cut = super::super::likeness::percent(cut);
            if let Some(expected) = slowly(&likeness, cut) {
                prop_assert_eq!(average(&likeness, cut), expected);
            }
        }
    }
}
