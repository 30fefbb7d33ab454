//! Small pictures of counts: a line of days, a bar.

use super::Look;
use super::safe::Safe;

/// Nothing, and seven heights of something.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The longest bar.
const BAR: u64 = 24;

/// A line of heights; `highest` is the value of a full one.
pub(super) fn spark(look: &Look, steps: &[u64], highest: u64) -> Safe {
    let top = HEIGHTS.len() as u64 - 1;
    let height = |&step: &u64| {
        // Anything is more than nothing, however little.
        let height = (step * top).div_ceil(highest.max(1)).min(top);
        usize::try_from(height).map_or(' ', |height| HEIGHTS[height])
    };
    look.safe(steps.iter().map(height).collect::<String>())
}

/// A bar of one block a count, shorter in proportion where `highest` is too long for that.
pub(super) fn bar(look: &Look, count: u64, highest: u64) -> Safe {
    let length = if highest <= BAR { count } else { (count * BAR).div_ceil(highest) };
    look.safe("█".repeat(usize::try_from(length.min(BAR)).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample::look;

    #[test]
    fn a_little_is_more_than_nothing() {
        assert_eq!(spark(&look(80), &[0, 1, 30, 60], 60).as_str(), "▁▂▅█");
        assert_eq!(spark(&look(80), &[0, 0], 0).as_str(), "▁▁");
        let ascii = Look { ascii: true, ..look(80) };
        assert_eq!(spark(&ascii, &[0, 1, 30, 60], 60).as_str(), "_.+#");
    }

    #[test]
    fn bars_count_until_they_are_too_long() {
        assert_eq!(bar(&look(80), 3, 5).as_str(), "███");
        assert_eq!(bar(&look(80), 1, 1000).as_str(), "█");
        assert_eq!(bar(&look(80), 1000, 1000).as_str().chars().count(), 24);
        assert_eq!(bar(&look(80), 0, 5).as_str(), "");
    }
}
