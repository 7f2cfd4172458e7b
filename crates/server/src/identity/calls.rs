//! Questions to the identity service, answered from the keys.

use super::tokens::{Good, Token};
use super::{Identity, passwords};
use crate::app::App;
use crate::keys::{Key, Reach};
use longrun_dialects::identity::{
    self, Answer, Call, Login, Means, Methods, Project, Refusal, Scope, ScopeWish, Session, Wish,
};
use longrun_dialects::{Claim, Fault};
use longrun_model::{ProjectId, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;

/// Whose a token is, and what it says.
struct Bearer {
    key: Arc<Key>,
    token: Token,
}

impl App {
    /// Answers a question to the identity service.
    pub(crate) async fn identify(&self, call: &Call<'_>, peer: IpAddr) -> Result<Answer, Refusal> {
        let key = match &call.claim {
            None => None,
            Some(claim) => Some(self.caller(claim.as_ref().map_err(Clone::clone)?, peer)?),
        };
        match (call.wish.clone()?, key) {
            (Wish::Versions, _) => Ok(Answer::Versions),
            (Wish::Version, _) => Ok(Answer::Version),
            (Wish::Issue(login), _) => self.issue(&login, peer).await,
            (wish, Some(key)) => self.tell(wish, &key),
            (_, None) => Err(Fault::MissingCredentials("X-Auth-Token").into()),
        }
    }

    /// The key whose token this is, confined to what the token was made for.
    pub(crate) fn bearer_of(&self, token: &str) -> Result<Arc<Key>, Fault> {
        if let Some(key) = self.keys.by_token(token) {
            return if key.disabled {
                Err(Fault::ExpiredToken)
            } else {
                Ok(key)
            };
        }
        let bearer = self.open(token)?;
        Ok(Arc::new(bearer.key.within(match &bearer.token.good {
            Good::Project(id) => Reach::One(ProjectId::new(&**id)),
            Good::Domain | Good::Nothing => Reach::None,
        })))
    }

    fn caller(&self, claim: &Claim, peer: IpAddr) -> Result<Arc<Key>, Refusal> {
        let key = self.prove(identity::dialect(), claim, peer)?;
        let counted = self.rates.count(&key.id, self.engine.now());
        counted.map_err(|retry_after_millis| Fault::Throttled { retry_after_millis })?;
        Ok(key)
    }

    /// Whose token this is, if it is one that was made here and is still good.
    fn open(&self, text: &str) -> Result<Bearer, Fault> {
        let token = Token::open(text, &self.master_key).ok_or(Fault::BadToken)?;
        // A key that was made anew, or has another password, has nothing to do with the tokens of the old one.
        let key = self.keys.by_id(&token.key).ok_or(Fault::ExpiredToken)?;
        let is_good = key.fingerprint == token.fingerprint
            && !key.disabled
            && self.engine.now() < token.expires_at();
        if is_good {
            Ok(Bearer { key, token })
        } else {
            Err(Fault::ExpiredToken)
        }
    }

    async fn issue(&self, login: &Login, peer: IpAddr) -> Result<Answer, Refusal> {
        let now = self.engine.now();
        let usual_end = now.plus_millis(self.identity.token_millis);
        let (key, methods, expires_at) = match &login.means {
            Means::Password { user, password } => {
                let key = self.log_in(user, password.reveal(), peer).await?;
                (key, Methods::Password, usual_end)
            }
            Means::Token(text) => {
                let (key, until) = self.shown_token(text.reveal())?;
                // A token cannot be kept alive by trading it in.
                (key, Methods::Token, until.unwrap_or(usual_end))
            }
        };
        let good = good_for(&key, &login.scope)?;
        let name = (&*key.id, key.fingerprint);
        let token = Token::new(name, (now, expires_at), good, methods);
        Ok(Answer::Issued {
            token: token.seal(&self.master_key),
            session: session(&key, &token),
            catalog: login.catalog,
        })
    }

    /// The key that a user logs in for.
    async fn log_in(&self, user: &str, password: &str, peer: IpAddr) -> Result<Arc<Key>, Refusal> {
        let Identity {
            checks, lockouts, ..
        } = &self.identity;
        let locked = || {
            let seconds = lockouts.seconds_left(user, peer, self.engine.now());
            seconds.map(|seconds| Refusal::Locked { seconds })
        };
        if let Some(refusal) = locked() {
            return Err(refusal);
        }
        let key = self.keys.by_user(user).filter(|key| !key.disabled);
        let known = key.as_ref().and_then(|key| key.user.as_ref());
        let hash = known.map(|user| user.password_hash.clone());
        let is_right = checks
            .check(password, hash, || locked().is_none())
            .await
            .map_err(|passwords::TooMany| Fault::Throttled {
                retry_after_millis: 1_000,
            })?;
        if let Some(refusal) = locked() {
            return Err(refusal);
        }
        match key {
            Some(key) if is_right => {
                lockouts.succeeded(user, peer);
                Ok(key)
            }
            Some(_) | None => {
                lockouts.failed(user, peer, self.engine.now());
                Err(Refusal::WrongPassword)
            }
        }
    }

    /// Whose a token is that is shown for another one: one that was made here, until its end, or a key's own.
    fn shown_token(&self, text: &str) -> Result<(Arc<Key>, Option<Timestamp>), Refusal> {
        if let Some(key) = self.keys.by_token(text).filter(|key| !key.disabled) {
            return Ok((key, None));
        }
        let bearer = self.open(text)?;
        Ok((bearer.key, Some(bearer.token.expires_at())))
    }

    fn tell(&self, wish: Wish, key: &Key) -> Result<Answer, Refusal> {
        let account = key.account.to_string();
        Ok(match wish {
            Wish::Show { token, catalog } => Answer::Shown {
                session: self.show(&token, key)?,
                catalog,
            },
            Wish::Projects { name, domain, user } => {
                let domain_id = identity::domain_id(&account);
                let user_id = identity::user_id(&domain_id, key.user_name());
                let is = |wanted: Option<String>, own: &str| wanted.is_none_or(|it| it == own);
                let mut projects = projects(key);
                if !is(domain, &domain_id) || !is(user, &user_id) {
                    projects.clear();
                }
                projects.retain(|one| is(name.clone(), &one.name));
                Answer::Projects(account, projects)
            }
            Wish::Project(id) => {
                let mut own = projects(key).into_iter();
                let found = own.find(|one| one.id == id);
                Answer::Project(account, found.ok_or(Refusal::UnknownProject)?)
            }
            Wish::Domains { name } => {
                let is_own = name.is_none_or(|name| name == account);
                Answer::Domains(is_own.then_some(account).into_iter().collect())
            }
            Wish::Catalog { project } => Answer::Catalog(current(key, project.as_deref())),
            Wish::Endpoints(filter) => {
                let current = current(key, None);
                let region = current.as_ref().map(Project::region).unwrap_or_default();
                Answer::Endpoints(filter, region.to_owned())
            }
            Wish::Services(filter) => Answer::Services(filter),
            Wish::Versions => Answer::Versions,
            Wish::Version => Answer::Version,
            Wish::Issue(_) => return Err(Fault::UnknownMethod.into()),
        })
    }

    /// What a token says, to somebody of the same account.
    fn show(&self, text: &str, asker: &Key) -> Result<Session, Refusal> {
        let may_see = |key: &Key| asker.confined_to().is_none_or(|own| *own == key.account);
        if let Some(key) = self.keys.by_token(text).filter(|key| !key.disabled) {
            let now = self.engine.now();
            let until = now.plus_millis(self.identity.token_millis);
            let first = key.projects.first();
            let good = first.map_or(Good::Domain, |id| Good::Project(id.as_str().into()));
            let name = (&*key.id, key.fingerprint);
            let token = Token::new(name, (now, until), good, Methods::Token);
            let shown = may_see(&key).then(|| session(&key, &token));
            return shown.ok_or(Refusal::UnknownSubject);
        }
        let bearer = self.open(text).map_err(|_| Refusal::UnknownSubject)?;
        let shown = may_see(&bearer.key).then(|| session(&bearer.key, &bearer.token));
        shown.ok_or(Refusal::UnknownSubject)
    }
}

/// What a token for this key can be good for.
fn good_for(key: &Key, wish: &ScopeWish) -> Result<Good, Refusal> {
    let own_domain = identity::domain_id(key.account.as_str());
    let is_own = |domain: &str| domain == own_domain;
    let found = match wish {
        ScopeWish::Nothing => Some(Good::Nothing),
        ScopeWish::Domain(domain) => is_own(domain).then_some(Good::Domain),
        ScopeWish::ProjectId(id) => key.owns(id).then(|| Good::Project(id.as_str().into())),
        ScopeWish::ProjectName { name, domain } => {
            let mut own = projects(key).into_iter();
            let found = own.find(|one| one.name == *name);
            found
                .filter(|_| domain.as_deref().is_none_or(is_own))
                .map(|one| Good::Project(one.id.into()))
        }
    };
    found.ok_or(Refusal::WrongScope)
}

fn session(key: &Key, token: &Token) -> Session {
    Session {
        methods: token.methods(),
        issued_at: token.issued_at(),
        expires_at: token.expires_at(),
        user: key.user_name().to_owned(),
        account: key.account.to_string(),
        scope: match &token.good {
            Good::Nothing => Scope::Nothing,
            Good::Domain => Scope::Domain,
            Good::Project(id) => Scope::Project(project(key, id)),
        },
    }
}

/// The project that a caller means who names none, or names one of its own.
fn current(key: &Key, named: Option<&str>) -> Option<Project> {
    let of_token = key.scope().map(ProjectId::as_str);
    let first = key.projects.first().map(ProjectId::as_str);
    let named = named.filter(|id| key.owns(id));
    of_token.or(named).or(first).map(|id| project(key, id))
}

fn projects(key: &Key) -> Vec<Project> {
    let ids = key.projects.iter().map(ProjectId::as_str);
    ids.map(|id| project(key, id)).collect()
}

fn project(key: &Key, id: &str) -> Project {
    Project {
        id: id.to_owned(),
        name: key.name_of(id).to_owned(),
    }
}
