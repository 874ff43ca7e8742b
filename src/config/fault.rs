//! What is wrong with the configuration, in words an operator can act on.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from. Later ones win: default, file, environment, flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file and the line in it, from 1.
    File(PathBuf, usize),
    /// An environment variable, by its name.
    Environment(String),
    /// A command-line flag, by the setting's name.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag --{}", name.replace('_', "-")),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The setting, as it is written in the file.
    pub setting: String,
    /// Where its value came from.
    pub origin: Origin,
    /// The value as it may be shown; secrets are hidden. `None` where there is no value to show.
    pub shown: Option<String>,
    /// What is wrong.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shown {
            Some(shown) => write!(f, "{} = {shown:?} ({}): {}; {}", self.setting, self.origin, self.wrong, self.right),
            None => write!(f, "{} ({}): {}; {}", self.setting, self.origin, self.wrong, self.right),
        }
    }
}

/// Everything that is wrong, so that one run is enough to see it all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "the configuration has {count} fault{}", if count == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for Faults {}

/// The known name that was probably meant, or how to see them all.
pub fn did_you_mean(written: &str, known: impl Iterator<Item = String>) -> String {
    let wanted = written.to_lowercase();
    known
        .map(|name| (edits(&wanted, &name.to_lowercase()), name))
        .min()
        .filter(|(distance, name)| *distance <= 2.max(name.len() / 4))
        .map_or_else(|| "`counterfoil config show` lists every setting".to_owned(), |(_, name)| format!("did you mean {name}?"))
}

/// How many letters must be added, dropped, changed or swapped with their neighbour to turn one word into the other.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut table: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(table[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(table[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        table.push(row);
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_nothing_far_away() {
        let known = || ["listen", "log_level", "session_idle_minutes"].into_iter().map(String::from);
        assert_eq!(did_you_mean("lisetn", known()), "did you mean listen?");
        assert_eq!(did_you_mean("SESSION_IDLE_MINUTE", known()), "did you mean session_idle_minutes?");
        assert!(did_you_mean("colour", known()).contains("config show"));
        assert_eq!((edits("", "abc"), edits("kitten", "sitting"), edits("ab", "ba")), (3, 3, 1));
    }
}
