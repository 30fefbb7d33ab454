//! Average-link clustering, by chains of nearest neighbours: n² steps, and the same groups as
//! joining the two nearest over and over again.

use super::likeness::Likeness;

/// Groups that may still grow, each by the number of one of its texts.
struct Clusters {
    members: Vec<Vec<usize>>,
    /// How many members each has; 0 where it is a group no more.
    sizes: Vec<u64>,
    /// The likeness of the members of each to those of each other, summed up: a row for each.
    sums: Vec<u64>,
}

/// Joins what is alike by at least `cut` on average; members and groups in order.
pub(super) fn average(likeness: &Likeness, cut: u64) -> Vec<Vec<usize>> {
    let mut clusters = Clusters::of(likeness);
    let mut groups = Vec::new();
    let mut chain = Vec::new();
    let mut first = 0;
    while let Some(top) = chain.last().copied().or_else(|| clusters.next(&mut first)) {
        if chain.is_empty() {
            chain.push(top);
        }
        let before = chain.len().checked_sub(2).map(|at| chain[at]);
        match clusters.nearest(top, before, cut) {
            // What it is near to is nearer to something else: look from there.
            Some(other) if Some(other) != before => chain.push(other),
            Some(other) => {
                chain.truncate(chain.len() - 2);
                clusters.join(top, other);
            }
            // Nothing that happens to others can bring them nearer to it.
            None => {
                chain.pop();
                groups.push(clusters.take(top));
            }
        }
    }
    for members in &mut groups {
        members.sort_unstable();
    }
    groups.sort_unstable();
    groups
}

impl Clusters {
    /// Each text by itself.
    fn of(likeness: &Likeness) -> Self {
        let texts = 0..likeness.texts();
        let row = |one| texts.clone().map(move |other| likeness.of_pair(one, other));
        Self {
            members: texts.clone().map(|text| vec![text]).collect(),
            sizes: vec![1; texts.len()],
            sums: texts.clone().flat_map(row).collect(),
        }
    }

    /// The next cluster that may still grow.
    fn next(&self, first: &mut usize) -> Option<usize> {
        *first += self.sizes.get(*first..)?.iter().position(|size| *size != 0)?;
        Some(*first)
    }

    /// What a cluster is most like, if by `cut` at least: of equals `before`, then the first.
    fn nearest(&self, top: usize, before: Option<usize>, cut: u64) -> Option<usize> {
        let row = &self.sums[top * self.sizes.len()..];
        let least = cut * self.sizes[top];
        let mut nearest: Option<(usize, u64, u64)> = None;
        for (at, (&sum, &size)) in row.iter().zip(&self.sizes).enumerate() {
            if sum < least * size || size == 0 || at == top {
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
    fn join(&mut self, one: usize, other: usize) {
        let count = self.sizes.len();
        for row in self.sums.chunks_exact_mut(count) {
            row[other] += row[one];
        }
        for at in 0..count {
            self.sums[other * count + at] += self.sums[one * count + at];
        }
        self.sizes[other] += self.sizes[one];
        let moved = self.take(one);
        self.members[other].extend(moved);
    }

    /// The members of a cluster, which is one no more.
    fn take(&mut self, at: usize) -> Vec<usize> {
        self.sizes[at] = 0;
        std::mem::take(&mut self.members[at])
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
