//! Asking a cloud for a task: the credentials and the address that it takes, and what came of it.

use super::address::Address;
use super::cloud::Cloud;
use super::identity::{Login, Session};
use super::transport::{NoAnswer, Received, Transport};
use super::{Access, AccessKey, Secret};
use crate::SystemClock;
use http::header::CONTENT_TYPE;
use longrun_dialects::{Credential, QueryError, Request, Retry, SignError, Signer, Target};
use longrun_engine::Clock;
use longrun_model::Timestamp;
use longrun_poller::Answer;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How one account of a cloud is reached.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Which cloud it is.
    pub cloud: Cloud,
    /// The region, where the cloud wants to be told.
    pub region: Option<String>,
    /// The project, where the cloud has projects.
    pub project: Option<String>,
    /// The resource group, where the cloud checks permissions in one.
    pub resource_group: Option<String>,
    /// Where to ask; if nobody said so and a catalog has to be asked, nothing.
    pub address: Option<Address>,
    /// What to show.
    pub keys: Arc<Keys>,
    /// The way there.
    pub transport: Transport,
}

/// The credentials of all tasks of one vendor.
#[derive(Debug)]
pub struct Keys {
    pub(crate) access: Access,
    /// What came of the password. A refused one is not tried again: some clouds lock an account for that.
    session: Mutex<Option<Result<Session, QueryError>>>,
}

impl Keys {
    /// Credentials that were not used yet.
    pub fn new(access: Access) -> Self {
        Self {
            access,
            session: Mutex::new(None),
        }
    }
}

/// What came of one poll.
#[derive(Clone, Debug)]
pub struct Polled {
    /// What was told.
    pub answer: Answer,
    /// The HTTP status that it came with, if any came.
    pub status: Option<u16>,
}

impl From<Answer> for Polled {
    fn from(answer: Answer) -> Self {
        Self {
            answer,
            status: None,
        }
    }
}

/// Why there is no answer to a call that was to be passed on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotPassed {
    /// It cannot be written.
    #[error("it cannot be written")]
    Unwritable(#[from] SignError),
    /// It did not get as far as being sent.
    #[error("it was not sent: {0}")]
    Unasked(String),
    /// It may have been sent, and carried out.
    #[error("what became of it is not known: {0}")]
    Lost(String),
}

/// What a request is shown with, and where it goes.
struct Way {
    credential: Credential<'static>,
    project: Option<String>,
    address: Address,
}

impl Reach {
    /// Asks once for the task `id`. `clock_offset_millis` is how far the cloud's clock is ahead of ours, as far as is known.
    pub async fn ask(&self, id: &str, clock_offset_millis: i64, patience: Duration) -> Polled {
        let way = match self.way(patience).await {
            Ok(way) => way,
            Err(answer) => return answer.into(),
        };
        let now = SystemClock.now().plus_millis(clock_offset_millis);
        let target = Target {
            id: id.into(),
            project: way.project.as_deref().map(Into::into),
            region: self.region.as_deref().map(Into::into),
            resource_group: self.resource_group.as_deref().map(Into::into),
        };
        let endpoint = way.address.endpoint();
        let signer = Signer::new(&endpoint, &way.credential, now, fastrand::u128(..));
        let poll = match self.cloud.poll(&target, &signer) {
            Ok(poll) => poll,
            Err(error) => {
                return refused("unwritable", error.to_string(), Retry::Never, None).into();
            }
        };
        let received = match self.transport.send(poll, patience).await {
            Ok(received) => received,
            Err(error) => return lost(error).into(),
        };
        let answer = self.read(&received);
        self.forget_token_if_refused(&answer).await;
        Polled {
            answer,
            status: Some(received.status),
        }
    }

    /// Passes a caller's call on, once: what has become of one that is not answered nobody knows.
    pub(crate) async fn pass(
        &self,
        request: &Request<'_>,
        clock_offset_millis: i64,
        patience: Duration,
    ) -> Result<Received, NotPassed> {
        let way = self.way(patience).await.map_err(|answer| match answer {
            Answer::Lost(why) => NotPassed::Unasked(why.to_string()),
            Answer::Refused { error, .. } => NotPassed::Unasked(error.to_string()),
            Answer::Observed(_) => NotPassed::Unasked("there are no credentials".to_owned()),
        })?;
        let now = SystemClock.now().plus_millis(clock_offset_millis);
        let target = Target {
            project: way.project.as_deref().map(Into::into),
            region: self.region.as_deref().map(Into::into),
            ..Target::default()
        };
        let endpoint = way.address.endpoint();
        let signer = Signer::new(&endpoint, &way.credential, now, fastrand::u128(..));
        let call = self.cloud.forward(request, &target, &signer)?;
        let received = self.transport.send(call, patience).await;
        let received = received.map_err(|error| match error {
            NoAnswer::Lost(why) => NotPassed::Lost(why),
            NoAnswer::Tls(why) => NotPassed::Unasked(why),
        })?;
        let answer = self.read(&received);
        self.forget_token_if_refused(&answer).await;
        Ok(received)
    }

    fn read(&self, received: &Received) -> Answer {
        let cloud_time = received.cloud_time();
        if let Some(place) = received.redirect() {
            let message = format!(
                "the answer leads to {place}; redirects are not followed, as a signature is for one host"
            );
            return refused(
                &format!("HTTP {}", received.status),
                message,
                Retry::Never,
                cloud_time,
            );
        }
        match self
            .cloud
            .read(received.status, &received.headers, &received.body)
        {
            Ok(observation) => Answer::Observed(observation),
            Err(error) => Answer::Refused {
                error: told_better(error, received),
                cloud_time,
            },
        }
    }

    async fn way(&self, patience: Duration) -> Result<Way, Answer> {
        let (credential, project, told) = match &self.keys.access {
            Access::Key(key) => (signing(key), None, None),
            Access::Token { token, .. } => (bearer(token), None, None),
            Access::Login(login) => {
                let session = self.session(login, patience).await?;
                let region = self.region.as_deref();
                let names = self.cloud.catalog_names();
                let told = session.address_of(names, region).and_then(Address::told);
                let told = told.or_else(|| Address::beside(&login.auth_url, self.cloud));
                (bearer(&session.token), session.project, told)
            }
        };
        let Some(address) = self.address.clone().or(told) else {
            let message = "the identity service names no address of the service".to_owned();
            return Err(refused("no-address", message, Retry::Never, None));
        };
        Ok(Way {
            credential,
            project: self.project.clone().or(project),
            address,
        })
    }

    /// The token for the password, fetched if there is none.
    async fn session(&self, login: &Login, patience: Duration) -> Result<Session, Answer> {
        let mut held = self.keys.session.lock().await;
        if let Some(told) = &*held {
            return told.clone().map_err(|error| Answer::Refused {
                error,
                cloud_time: None,
            });
        }
        let fetched = self.log_in(login, patience).await;
        match &fetched {
            Ok(session) => *held = Some(Ok(session.clone())),
            Err(Answer::Refused { error, .. }) if error.retry == Retry::Forbidden => {
                *held = Some(Err(error.clone()));
            }
            Err(Answer::Refused { .. } | Answer::Lost(_) | Answer::Observed(_)) => {}
        }
        fetched
    }

    async fn log_in(&self, login: &Login, patience: Duration) -> Result<Session, Answer> {
        let request = http::Request::post(login.url())
            .header(CONTENT_TYPE, "application/json")
            .body(login.body().to_string().into_bytes())
            .map_err(|error| refused("unwritable", error.to_string(), Retry::Never, None))?;
        let received = self.transport.send(request, patience).await.map_err(lost)?;
        let token = received.headers.get("x-subject-token");
        let token = token.and_then(|token| token.to_str().ok());
        match token.filter(|_| matches!(received.status, 200 | 201)) {
            Some(token) => {
                let body = serde_json::from_slice(&received.body).unwrap_or_default();
                Ok(Session::read(Secret::new(token), &body))
            }
            None => Err(self.no_token(&received)),
        }
    }

    /// What the identity service said in place of a token. Its errors have one of the shapes of the other services.
    fn no_token(&self, received: &Received) -> Answer {
        match self.read(received) {
            Answer::Refused {
                mut error,
                cloud_time,
            } => {
                // That it does not know us says nothing about the task.
                if error.retry == Retry::Unknown {
                    error.retry = Retry::Never;
                }
                error.message = format!("the identity service says: {}", error.message);
                Answer::Refused { error, cloud_time }
            }
            Answer::Observed(_) | Answer::Lost(_) => {
                let message = "the identity service handed out no token".to_owned();
                refused("no-token", message, Retry::Never, None)
            }
        }
    }

    async fn forget_token_if_refused(&self, answer: &Answer) {
        let is_refused =
            matches!(answer, Answer::Refused { error, .. } if error.retry == Retry::Forbidden);
        if is_refused && matches!(self.keys.access, Access::Login(_)) {
            let mut held = self.keys.session.lock().await;
            if matches!(*held, Some(Ok(_))) {
                *held = None;
            }
        }
    }
}

fn signing(key: &AccessKey) -> Credential<'static> {
    let token = key.session_token.as_ref();
    Credential::AccessKey {
        id: key.id.clone().into(),
        secret: key.secret.reveal().to_owned().into(),
        session_token: token.map(|token| token.reveal().to_owned().into()),
    }
}

fn bearer(token: &Secret) -> Credential<'static> {
    Credential::Token(token.reveal().to_owned().into())
}

/// A web page tells nothing about the task, not even that it is unknown; what it says about itself is told. An error
/// without a code is told with the status that it came with.
fn told_better(mut error: QueryError, received: &Received) -> QueryError {
    if error.code.is_empty() {
        error.code = format!("HTTP {}", received.status);
    }
    if let Some(words) = received.web_page() {
        error.message = words;
        if error.retry == Retry::Unknown {
            error.retry = Retry::Never;
        }
    }
    error
}

fn refused(code: &str, message: String, retry: Retry, cloud_time: Option<Timestamp>) -> Answer {
    let error = QueryError {
        code: code.to_owned(),
        message,
        retry,
    };
    Answer::Refused { error, cloud_time }
}

fn lost(error: NoAnswer) -> Answer {
    match error {
        NoAnswer::Lost(why) => Answer::Lost(why.into()),
        NoAnswer::Tls(why) => refused("TLS", why, Retry::Never, None),
    }
}
