//! The identity service that this cloud's clients ask first: who they are, a token for a password, and where the
//! services are.
//!
//! It is OpenStack's, version 3, with this cloud's habits. It knows nothing of operations and is therefore no dialect of
//! its own: [`find`] reads a request, the edge finds out who asks and what is theirs, and [`Call::answer`] writes it down.
//!
//! An account is a *domain*. A *user* is what a key is called where people log in. Both have ids of 32 digits that are
//! computed from their names, so that nothing needs to be kept for them.

mod answer;
mod catalog;
mod fault;
mod ids;
mod login;
mod parse;

pub use ids::{domain_id, user_id};
pub use login::{Login, Means, Password, ScopeWish};

use crate::{Claim, Dialect, Fault, Lent, Options, Reply, Request};
use longrun_model::Timestamp;

/// A question to the identity service.
#[derive(Debug)]
pub struct Call<'a> {
    /// Who says to have sent it; nothing where nobody needs to say so. A fault means that nothing more was read.
    pub claim: Option<Result<Claim<'a>, Fault>>,
    /// What is wanted. Looked at only after the claim is proved.
    pub wish: Result<Wish, Fault>,
    /// The host that was asked: where the catalog leads.
    host: &'a str,
    /// Whether a proxy says that it was asked over TLS.
    forwarded_secure: bool,
    /// Whether the question is about a token, where a bad token of the caller is told otherwise.
    validates: bool,
}

/// What a caller wants of the identity service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The list of versions.
    Versions,
    /// What there is to know about this version.
    Version,
    /// A token.
    Issue(Login),
    /// To know whose a token is.
    Show {
        /// The token.
        token: String,
        /// Whether the catalog is wanted beside it.
        catalog: bool,
    },
    /// The caller's projects.
    Projects {
        /// Only one of this name.
        name: Option<String>,
        /// Only those of the domain with this id.
        domain: Option<String>,
        /// Only if this is the id of the caller's user.
        user: Option<String>,
    },
    /// One of them, by its id.
    Project(String),
    /// The caller's domain.
    Domains {
        /// Only if it has this name.
        name: Option<String>,
    },
    /// Where the services are, for a project.
    Catalog {
        /// The project that was named beside a signature.
        project: Option<String>,
    },
    /// Where the services are, for any project.
    Endpoints(Filter),
    /// Which services there are.
    Services(Filter),
}

/// What a list of services or endpoints is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The type of the service.
    pub kind: Option<String>,
    /// The id of the service.
    pub service: Option<String>,
    /// The interface, of which there is only `public`.
    pub interface: Option<String>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The list of versions.
    Versions,
    /// What there is to know about this version.
    Version,
    /// A token that was made.
    Issued {
        /// The token.
        token: String,
        /// What it says.
        session: Session,
        /// Whether the catalog goes with it.
        catalog: bool,
    },
    /// A token that somebody asked about.
    Shown {
        /// What it says.
        session: Session,
        /// Whether the catalog goes with it.
        catalog: bool,
    },
    /// Projects of an account.
    Projects(String, Vec<Project>),
    /// A project of an account.
    Project(String, Project),
    /// Accounts.
    Domains(Vec<String>),
    /// Where the services are, for this project or for none.
    Catalog(Option<Project>),
    /// Where the services are, for any project of this region.
    Endpoints(Filter, String),
    /// Which services there are.
    Services(Filter),
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whether a password was shown for it, and whether a token was.
    pub methods: Methods,
    /// When it was made.
    pub issued_at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// The user's name.
    pub user: String,
    /// The user's account.
    pub account: String,
    /// What it is good for.
    pub scope: Scope,
}

/// How somebody came by a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Methods {
    /// By a password.
    Password,
    /// By another token.
    Token,
}

/// What a token is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Only for getting another one.
    Nothing,
    /// For the account as a whole, which has no operations of its own.
    Domain,
    /// For a project.
    Project(Project),
}

/// A project as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

impl Project {
    /// The region it lies in: in this cloud a project is called by its region, or by the region and what it is for.
    pub fn region(&self) -> &str {
        self.name.split('_').next().unwrap_or_default()
    }
}

/// Why the identity service refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What is wrong with any other call, too.
    #[error(transparent)]
    Call(#[from] Fault),
    /// There is no such user, or it has another password.
    #[error("the user name or the password is wrong")]
    WrongPassword,
    /// Too many failures: even the right password is refused.
    #[error("there were too many failures; {seconds} s are left")]
    Locked {
        /// For how long.
        seconds: i64,
    },
    /// The project or the domain is not one of the user's.
    #[error("the scope is not one of the user's")]
    WrongScope,
    /// The token that was asked about is not one.
    #[error("the token that was asked about is not good")]
    UnknownSubject,
    /// There is no such project for this caller.
    #[error("there is no such project")]
    UnknownProject,
}

/// Reads a request, if it is one to the identity service.
pub fn find<'a>(request: &Request<'a>, options: &Options) -> Option<Call<'a>> {
    parse::parse(request, options)
}

/// Whether a path below `/v3/` is one of the identity service.
pub(super) fn claims(path: &str) -> bool {
    parse::is_identity(path)
}

/// The dialect whose signatures and tokens are shown here.
pub fn dialect() -> &'static dyn Dialect {
    &super::HuaweiElb
}

impl Call<'_> {
    /// Writes what is told to the caller. `secure` is whether the server itself speaks TLS.
    pub fn answer(&self, lent: &Lent, secure: bool, outcome: Result<&Answer, &Refusal>) -> Reply {
        let scheme = if secure || self.forwarded_secure {
            "https"
        } else {
            "http"
        };
        let reply = match outcome {
            Ok(answer) => answer::write(answer, &format!("{scheme}://{}", self.host)),
            Err(refusal) => fault::write(refusal, self.validates, lent.now),
        };
        answer::with_request_id(reply, lent)
    }
}
