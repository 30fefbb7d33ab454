//! Folding: a tree of places becomes rows, so that one pain is one row.
//!
//! Only places with points in the window exist here, and their ancestors. From the deepest
//! parents up, of each parent one of three things holds:
//!
//! - *Spread*: at least three children, all of them leaves, hurt alike. The parent takes over:
//!   its pain is computed anew from the union of all their person-days and its own.
//! - *Explained*: one child has at least 4/5 of what the children have, and at least as much as
//!   what was filed at the parent itself. That moves to the child.
//! - Else all stand on their own.
//!
//! First segments neither take over nor give away: `web` and `cli` are no hotspots for being the
//! parents of everything.
//!
//! A place that exists as an ancestor only, or has given away what was filed at it, counts as a
//! child with a pain of 0: it is no leaf, so it keeps its parent from taking over, and it is never
//! the child that explains.
//!
//! # Promises
//!
//! - Nothing is counted in two rows: rows share no member.
//! - A parent's pain is never a sum of its children's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::gather::Group;
use super::{Shape, Window};
use crate::event::Place;

/// A place shown under another one, with the pain it has on its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Child {
    /// The place.
    pub place: Place,
    /// Its own pain.
    pub pain: u64,
}

/// A row of places in the making.
#[derive(Debug)]
pub(super) struct Fold {
    /// The place the row is named after.
    pub(super) place: Place,
    /// All that is counted in it.
    pub(super) group: Arc<Group>,
    /// The places it is made of, its own first.
    pub(super) members: Vec<Place>,
    /// How it came to be more than its own place, in words.
    pub(super) folded: Option<String>,
    /// What is shown under it, worst first.
    pub(super) children: Vec<Child>,
}

/// What is known of each place.
pub(super) type Groups = BTreeMap<Place, Arc<Group>>;

/// Places as rows of a shape.
pub(super) fn shaped(groups: Groups, shape: Shape, window: Window) -> Vec<Fold> {
    match shape {
        Shape::Folded => fold(groups, window),
        Shape::Flat => flat(groups),
        Shape::Depth(depth) => roll_up(groups, depth, window),
    }
}

/// Every place on its own.
fn flat(groups: Groups) -> Vec<Fold> {
    groups.into_iter().map(|(place, group)| Fold::leaf(place, group)).collect()
}

/// Places cut to their first `depth` segments.
fn roll_up(groups: Groups, depth: usize, window: Window) -> Vec<Fold> {
    let mut tops = BTreeMap::<Place, Vec<(Place, Arc<Group>)>>::new();
    for (place, group) in groups {
        tops.entry(place.cut(depth)).or_default().push((place, group));
    }
    let rows = tops.into_iter().map(|(top, below)| {
        let mut row = Fold::leaf(top, Arc::default());
        for (place, group) in below.iter().filter(|(place, _)| *place != row.place) {
            row.members.push(place.clone());
            let pain = group.days.pain(window).pain;
            if pain != 0 {
                row.children.push(Child { place: place.clone(), pain });
            }
        }
        let groups: Vec<_> = below.into_iter().map(|(_, group)| group).collect();
        row.group = Arc::new(Group::union(&groups));
        worst_first(&mut row.children);
        row
    });
    rows.collect()
}

/// The tree fold.
fn fold(groups: Groups, window: Window) -> Vec<Fold> {
    let mut tree = Tree::grow(groups, window);
    let mut parents: Vec<_> = tree.children.keys().cloned().collect();
    parents.sort_by_key(|place| (std::cmp::Reverse(place.depth()), place.clone()));
    for parent in parents {
        tree.settle(&parent);
    }
    tree.rows.into_values().map(|row| row.fold).collect()
}

impl Fold {
    fn leaf(place: Place, group: Arc<Group>) -> Self {
        Self { members: vec![place.clone()], place, group, folded: None, children: Vec::new() }
    }
}

/// A row as it stands, with the pain it comes to.
struct Row {
    fold: Fold,
    pain: u64,
}

struct Tree {
    window: Window,
    /// What stands on its own so far; a place that is missing here has no pain.
    rows: BTreeMap<Place, Row>,
    /// Every parent with its children.
    children: BTreeMap<Place, BTreeSet<Place>>,
}

impl Tree {
    fn grow(mut groups: Groups, window: Window) -> Self {
        let mut children = BTreeMap::<Place, BTreeSet<Place>>::new();
        let hurt = |group: &Group| group.days.within(window).next().is_some();
        for place in groups.iter().filter(|(_, group)| hurt(group)).map(|(place, _)| place) {
            let mut below = place.clone();
            while let Some(parent) = below.parent() {
                if !children.entry(parent.clone()).or_default().insert(below) {
                    break;
                }
                below = parent;
            }
        }
        // A parent without points may still have uses, which count where it takes over.
        groups.retain(|place, group| children.contains_key(place) || hurt(group));
        let rows = groups.into_iter().map(|(place, group)| {
            let pain = group.days.pain(window).pain;
            (place.clone(), Row { fold: Fold::leaf(place, group), pain })
        });
        Self { window, rows: rows.collect(), children }
    }

    fn settle(&mut self, parent: &Place) {
        let Some(children) = self.children.get(parent).filter(|_| 1 < parent.depth()) else {
            return;
        };
        let children: Vec<_> = children
            .iter()
            .map(|place| Child { place: place.clone(), pain: self.pain(place) })
            .collect();
        let leaves = children.iter().all(|child| !self.children.contains_key(&child.place));
        if leaves && is_spread(&children) {
            self.take_over(parent, children);
        } else if let Some(child) = explaining(&children, self.pain(parent)) {
            self.give_away(parent, child);
        }
    }

    fn pain(&self, place: &Place) -> u64 {
        self.rows.get(place).map_or(0, |row| row.pain)
    }

    fn take_over(&mut self, parent: &Place, mut children: Vec<Child>) {
        let mut fold = Fold::leaf(parent.clone(), Arc::default());
        fold.members.extend(children.iter().map(|child| child.place.clone()));
        let rows = fold.members.iter().filter_map(|place| self.rows.remove(place));
        let groups: Vec<_> = rows.map(|row| row.fold.group).collect();
        fold.group = Arc::new(Group::union(&groups));
        fold.folded = Some(format!("spread over {0} of {0}", children.len()));
        worst_first(&mut children);
        fold.children = children;
        let pain = fold.group.days.pain(self.window).pain;
        self.rows.insert(parent.clone(), Row { fold, pain });
    }

    fn give_away(&mut self, parent: &Place, child: &Place) {
        let Some(given) = self.rows.remove(parent) else { return };
        let Some(row) = self.rows.get_mut(child) else { return };
        let own = std::mem::take(&mut row.fold.group);
        row.fold.group = Arc::new(Group::union(&[own, given.fold.group]));
        row.fold.members.extend(given.fold.members);
        let with = format!("with what was filed at {parent}");
        row.fold.folded = Some(match row.fold.folded.take() {
            Some(spread) => format!("{spread}, {with}"),
            None => with,
        });
        row.pain = row.fold.group.days.pain(self.window).pain;
    }
}

/// Whether at least three children hurt about alike: t^2 * 5 >= 4 * k * sum(x^2).
fn is_spread(children: &[Child]) -> bool {
    let sum: u128 = children.iter().map(|child| u128::from(child.pain)).sum();
    let squares: u128 = children.iter().map(|child| u128::from(child.pain).pow(2)).sum();
    3 <= children.len() && 4 * children.len() as u128 * squares <= sum * sum * 5
}

/// The child that explains what was filed at its parent itself, if there is one.
fn explaining(children: &[Child], own: u64) -> Option<&Place> {
    let sum: u64 = children.iter().map(|child| child.pain).sum();
    // Of equals none has 4/5 of the sum, so it does not matter which one is looked at.
    let greatest = children.iter().max_by_key(|child| child.pain)?;
    let explains = 0 < own && own <= greatest.pain && 4 * sum <= 5 * greatest.pain;
    explains.then_some(&greatest.place)
}

fn worst_first(children: &mut [Child]) {
    children.sort_by(|a, b| b.pain.cmp(&a.pain).then_with(|| a.place.cmp(&b.place)));
}

#[cfg(test)]
mod tests {
    use super::super::pain::PersonDay;
    use super::*;
    use crate::event::Day;

    const WINDOW: Window = Window { since: Day(1), until: Day(28) };

    /// One row as text: `place pain [members] (folded) {children}`.
    fn folded(points: &[(&str, u32, u32)]) -> Vec<String> {
        let mut groups = Groups::new();
        for &(place, person, points) in points {
            let group = groups.entry(Place::parse(place).unwrap()).or_default();
            let day = PersonDay { person, day: Day(7), points, hours: 0 };
            Arc::make_mut(group).days.put(day);
        }
        let rows = fold(groups, WINDOW).into_iter().map(|row| {
            let pain = row.group.days.pain(WINDOW).pain;
            let members = row.members.iter().map(Place::as_str).collect::<Vec<_>>().join(" ");
            let children =
                row.children.iter().map(|child| format!("{} {}", child.place, child.pain));
            let children = children.collect::<Vec<_>>().join(", ");
            let folded = row.folded.unwrap_or_default();
            format!("{} {pain} [{members}] ({folded}) {{{children}}}", row.place)
        });
        rows.collect()
    }

    #[test]
    fn a_parent_that_took_over_can_still_explain_the_one_above() {
        let rows = folded(&[
            ("a/b/c/x", 1, 3),
            ("a/b/c/y", 2, 10),
            ("a/b/c/z", 3, 10),
            ("a/b/c/w", 3, 10),
            ("a/b", 9, 3),
        ]);
        let expected = "a/b/c 23 [a/b/c a/b/c/w a/b/c/x a/b/c/y a/b/c/z a/b] \
            (spread over 4 of 4, with what was filed at a/b) \
            {a/b/c/w 10, a/b/c/y 10, a/b/c/z 10, a/b/c/x 3}";
        // 33 * 33 * 5 = 5445 is at least 4 * 4 * 309 = 4944, and b's 3 join c's 23.
        assert_eq!(rows, [expected.replace("a/b/c 23", "a/b/c 26")]);
    }

    #[test]
    fn uneven_children_do_not_spread() {
        // 24 * 24 * 5 = 2880 is less than 4 * 3 * 418 = 5016; 20 of 24 is more than 4/5.
        let rows = folded(&[("a/b/x", 1, 30), ("a/b/y", 2, 3), ("a/b/z", 2, 1), ("a/b", 9, 10)]);
        assert_eq!(rows[0], "a/b/x 30 [a/b/x a/b] (with what was filed at a/b) {}");
        assert_eq!(rows.len(), 3);
    }

    #[test]
    fn what_gave_away_has_nothing_to_explain_with() {
        // c's own moved down to d, so c is a child of 0 and what was filed at b stays there.
        let rows = folded(&[("a/b/c/d", 1, 10), ("a/b/c", 2, 3), ("a/b", 3, 1)]);
        assert_eq!(rows[0], "a/b 1 [a/b] () {}");
        assert_eq!(rows[1], "a/b/c/d 13 [a/b/c/d a/b/c] (with what was filed at a/b/c) {}");
    }

    #[test]
    fn a_child_explains_from_four_fifths_on() {
        let child = |place: &str, pain| Child { place: Place::parse(place).unwrap(), pain };
        let explains = |x, y, own| {
            explaining(&[child("a/b/x", x), child("a/b/y", y)], own).map(Place::to_string)
        };
        assert_eq!(explains(8, 2, 8).as_deref(), Some("a/b/x"));
        assert_eq!(explains(2, 8, 1).as_deref(), Some("a/b/y"));
        assert_eq!(explains(7, 2, 1), None);
        assert_eq!(explains(5, 5, 1), None);
        assert_eq!(explains(8, 2, 9), None);
        assert_eq!(explains(8, 2, 0), None);
    }

    #[test]
    fn a_parent_of_its_own_points_takes_them_along() {
        let rows = folded(&[("a/b", 4, 3), ("a/b/x", 1, 3), ("a/b/y", 2, 3), ("a/b/z", 1, 3)]);
        let children = "{a/b/x 3, a/b/y 3, a/b/z 3}";
        assert_eq!(
            rows,
            [format!("a/b 9 [a/b a/b/x a/b/y a/b/z] (spread over 3 of 3) {children}")]
        );
    }
}
