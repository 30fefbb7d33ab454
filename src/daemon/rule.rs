//! The numbers of the rules by which `snag run` and the shells' hook notice.
//!
//! In the file a rule is a line, `"rerun 3 60"`: its signal's name and its numbers, as in the snippet's
//! attributes. What is not named keeps its numbers.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// When a rule fires, in seconds unless said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandRules {
    /// So many runs of the same failing command
    pub reruns: u16,
    /// within this are one `rerun`.
    pub rerun_within: u16,
    /// Help read so soon after a failure is about it.
    pub help_within: u16,
    /// Who breaks off sooner has not waited.
    pub waited: u16,
    /// What is undone so soon should not have happened.
    pub undo_within: u16,
}

impl Default for CommandRules {
    fn default() -> Self {
        Self { reruns: 3, rerun_within: 60, help_within: 30, waited: 10, undo_within: 60 }
    }
}

impl CommandRules {
    /// The rules that have other numbers than the usual ones, as lines.
    #[must_use]
    pub fn unusual(self) -> Vec<String> {
        let usual = Self::default().lines();
        self.lines().into_iter().filter(|line| !usual.contains(line)).collect()
    }

    /// Every rule as a line.
    fn lines(self) -> [String; 4] {
        let Self { reruns, rerun_within, help_within, waited, undo_within } = self;
        [
            format!("rerun {reruns} {rerun_within}"),
            format!("help-after-error {help_within}"),
            format!("interrupted-wait {waited}"),
            format!("undo {undo_within}"),
        ]
    }

    /// Takes a line over; whether it is one.
    fn take(&mut self, line: &str) -> bool {
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default();
        let numbers: Vec<u16> = words.map(|word| word.parse().unwrap_or(0)).collect();
        match (name, &numbers[..]) {
            (_, numbers) if numbers.iter().any(|number| !(1..=3600).contains(number)) => {
                return false;
            }
            ("rerun", [reruns, within]) if 2 <= *reruns => {
                (self.reruns, self.rerun_within) = (*reruns, *within);
            }
            ("help-after-error", [within]) => self.help_within = *within,
            ("interrupted-wait", [waited]) => self.waited = *waited,
            ("undo", [within]) => self.undo_within = *within,
            _ => return false,
        }
        true
    }
}

impl<'de> Deserialize<'de> for CommandRules {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let lines = Vec::<String>::deserialize(value)?;
        let mut rules = Self::default();
        match lines.iter().find(|line| !rules.take(line)) {
            None => Ok(rules),
            Some(line) => Err(D::Error::custom(format!(
                "`{line}` is no rule: write one like {}, with numbers from 1 to 3600",
                Self::default().lines().map(|line| format!("`{line}`")).join(", ")
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Result<CommandRules, String> {
        let lines = serde_json::to_value(lines).unwrap();
        CommandRules::deserialize(lines).map_err(|error| error.to_string())
    }

    #[test]
    fn a_rule_that_is_not_named_keeps_its_numbers() {
        let usual = CommandRules::default();
        let rules = read(&["rerun 4 120", "undo 5"]).unwrap();
        assert_eq!(rules, CommandRules { reruns: 4, rerun_within: 120, undo_within: 5, ..usual });
        assert_eq!(rules.unusual(), ["rerun 4 120", "undo 5"], "as it is written");
        assert_eq!((read(&[]), usual.unusual()), (Ok(usual), Vec::new()));
    }

    #[test]
    fn what_is_no_rule_is_told() {
        for bad in
            ["", "rerun", "rerun 3", "rerun 1 60", "undo 0", "undo 3601", "undo x", "crash 1"]
        {
            let told = read(&[bad]).unwrap_err();
            assert!(
                told.contains(&format!("`{bad}` is no rule: write one like `rerun 3 60`")),
                "{told}"
            );
        }
    }
}
