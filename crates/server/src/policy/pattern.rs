//! Patterns with wildcards, over texts and over resource names.

use super::Ask;
use std::str::FromStr;

/// A text in which `*` stands for any run of characters, also an empty one, and `?` for one character.
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    /// A lone `*`.
    Any,
    /// Everything else.
    Letters(Box<[Letter]>),
}

/// One place of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letter {
    Run,
    One,
    Exactly(char),
}

/// Whether `A` is `a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Kept,
    Ignored,
}

/// The name of a resource, or of many: `acs:SERVICE:REGION:ACCOUNT:TYPE/ID`, each part a pattern of its own.
#[derive(Clone, Debug)]
pub(super) enum ResourcePattern {
    /// A lone `*`.
    Any,
    /// Service, region, account, and what stands behind them.
    Parts(Box<[Pattern; 4]>),
}

impl Pattern {
    /// A pattern in which `*` and `?` are wildcards.
    pub(super) fn wild(text: &str) -> Self {
        if text == "*" {
            return Self::Any;
        }
        let letter = |letter| match letter {
            '*' => Letter::Run,
            '?' => Letter::One,
            other => Letter::Exactly(other),
        };
        Self::Letters(text.chars().map(letter).collect())
    }

    /// A pattern that matches nothing but `text`.
    pub(super) fn exact(text: &str) -> Self {
        Self::Letters(text.chars().map(Letter::Exactly).collect())
    }

    /// Whether `text` matches as a whole.
    pub(super) fn matches(&self, text: impl Iterator<Item = char> + Clone, case: Case) -> bool {
        match self {
            Self::Any => true,
            Self::Letters(letters) => matches(letters, text, case),
        }
    }
}

fn matches(
    mut letters: &[Letter],
    mut text: impl Iterator<Item = char> + Clone,
    case: Case,
) -> bool {
    // Only the last run needs to be tried again: what earlier ones took in, a later one could take in as well.
    let mut last_run = None;
    loop {
        let mut rest = text.clone();
        match (letters.split_first(), rest.next()) {
            (Some((Letter::Run, behind)), _) => {
                letters = behind;
                last_run = Some((behind, text.clone()));
                continue;
            }
            (None, None) => return true,
            (Some((letter, behind)), Some(found)) if letter.is(found, case) => {
                letters = behind;
                text = rest;
                continue;
            }
            (None, Some(_)) | (Some((Letter::One | Letter::Exactly(_), _)), _) => (),
        }
        let Some((behind, mut longer)) = last_run else {
            return false;
        };
        if longer.next().is_none() {
            return false;
        }
        letters = behind;
        text = longer.clone();
        last_run = Some((behind, longer));
    }
}

impl Letter {
    fn is(self, found: char, case: Case) -> bool {
        match (self, case) {
            (Self::Run, _) => false,
            (Self::One, _) => true,
            (Self::Exactly(letter), Case::Kept) => letter == found,
            (Self::Exactly(letter), Case::Ignored) => letter.eq_ignore_ascii_case(&found),
        }
    }
}

impl ResourcePattern {
    /// Whether the resource that is asked about matches.
    pub(super) fn matches(&self, ask: &Ask) -> bool {
        let Self::Parts(parts) = self else {
            return true;
        };
        let [service, region, account, relative] = &**parts;
        let asked = ask.action.split(':').next().unwrap_or_default();
        let (kind, id) = ask.relative;
        service.matches(asked.chars(), Case::Kept)
            && region.matches(ask.region.chars(), Case::Kept)
            && account.matches(ask.account.chars(), Case::Kept)
            && relative.matches(kind.chars().chain(['/']).chain(id.chars()), Case::Kept)
    }
}

impl FromStr for ResourcePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let parts: Vec<&str> = text.splitn(5, ':').collect();
        match parts.as_slice() {
            ["acs", parts @ ..] if parts.len() == 4 => {
                let part = |number: usize| Pattern::wild(parts[number]);
                Ok(Self::Parts(Box::new(std::array::from_fn(part))))
            }
            _ => Err(format!(
                "`{text}` is no resource: `acs:SERVICE:REGION:ACCOUNT:TYPE/ID` or `*`"
            )),
        }
    }
}
