//! What somebody sees of the operations.

use longrun_model::{Account, Operation, ProjectId};
use std::sync::Arc;

/// Whose operations somebody sees: what lies outside does not exist for them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sight {
    /// All there are.
    #[default]
    All,
    /// Those of one account.
    Account(Account),
    /// Those of one account that are in one of these projects, or in none: these belong to the whole account.
    Projects(Account, Arc<[ProjectId]>),
}

impl Sight {
    /// The account outside of which nothing is seen; `None` if there is no such limit.
    pub const fn account(&self) -> Option<&Account> {
        match self {
            Self::All => None,
            Self::Account(account) | Self::Projects(account, _) => Some(account),
        }
    }

    /// Whether what belongs to this account and project is seen.
    pub fn covers(&self, account: &Account, project: Option<&ProjectId>) -> bool {
        match self {
            Self::All => true,
            Self::Account(own) => own == account,
            Self::Projects(own, projects) => {
                own == account && project.is_none_or(|project| projects.contains(project))
            }
        }
    }

    /// Whether the operation is seen.
    pub fn sees(&self, operation: &Operation) -> bool {
        self.covers(&operation.account, operation.project.as_ref())
    }
}

impl From<Option<Account>> for Sight {
    fn from(account: Option<Account>) -> Self {
        account.map_or(Self::All, Self::Account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_no_project_belongs_to_the_whole_account() {
        let own: Arc<[ProjectId]> = ["a".into(), "b".into()].into();
        let sights = [
            Sight::All,
            Sight::Account("acme".into()),
            Sight::Projects("acme".into(), own),
            Sight::Projects("acme".into(), Arc::default()),
        ];
        for (account, project, expected) in [
            ("acme", None, [true, true, true, true]),
            ("acme", Some("a"), [true, true, true, false]),
            ("acme", Some("c"), [true, true, false, false]),
            ("other", None, [true, false, false, false]),
            ("other", Some("a"), [true, false, false, false]),
        ] {
            let project = project.map(ProjectId::from);
            let covers = |sight: &Sight| sight.covers(&account.into(), project.as_ref());
            let found = sights.each_ref().map(covers);
            assert_eq!(found, expected, "{account}, {project:?}");
        }
    }
}
