//! Access keys over the API.

use super::body::JsonBody;
use super::caller::{Caller, Target, action};
use super::problem::{Problem, not_among};
use super::query::Segment;
use super::{json, opaque, view};
use crate::app::App;
use crate::keys::{self, KeyError, KeyInfo, KeyWish, NewKey, UserWish};
use axum::body::Body;
use axum::extract::{FromRef, FromRequest, Request, State};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Response, StatusCode};
use longrun_model::Json;
use longrun_store::AccessKey;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Where keys are changed, by one caller at a time: two who make the same key must not both be told that it is theirs.
#[derive(Clone)]
pub(super) struct Desk {
    app: Arc<App>,
    changing: Arc<Mutex<()>>,
}

impl Desk {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self {
            app,
            changing: Arc::default(),
        }
    }
}

impl FromRef<Desk> for Arc<App> {
    fn from_ref(desk: &Desk) -> Self {
        Self::clone(&desk.app)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct KeyDraft<'a> {
    id: Option<String>,
    secret: Option<String>,
    account: Option<String>,
    projects: Option<Vec<String>>,
    project_names: Option<BTreeMap<String, String>>,
    user: Option<String>,
    password: Option<String>,
    #[serde(borrow)]
    policy: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct UserDraft {
    user: Option<String>,
    password: Option<String>,
}

/// `POST /api/v1/keys`
pub(super) async fn create(
    State(desk): State<Desk>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response<Body>, Problem> {
    let draft: KeyDraft = body.read()?;
    caller.allow(
        action::MANAGE_KEYS,
        Target::new("key", draft.id.as_deref().unwrap_or("*")),
    )?;
    let wish = caller.key_wish(draft)?;
    let (master_key, now) = (desk.app.master_key.clone(), desk.app.engine.now());
    let (new, access_key) = aside(move || keys::make(wish, &master_key, now)).await?;
    let _alone = desk.changing.lock().await;
    keys::check_new(&access_key, &desk.app.engine.access_keys().await?)?;
    desk.keep(access_key).await?;
    Ok(answer_new(&new))
}

/// `GET /api/v1/keys`
pub(super) async fn list(caller: Caller) -> Result<Response<Body>, Problem> {
    caller.allow(action::MANAGE_KEYS, Target::new("key", "*"))?;
    let access_keys = caller.app.engine.access_keys().await?;
    let own = access_keys
        .iter()
        .filter(|access_key| caller.manages(access_key))
        .map(keys::info);
    Ok(view::answer_list(
        StatusCode::OK,
        "keys",
        own,
        |bytes, info| write_info(bytes, &info),
    ))
}

/// `POST /api/v1/keys/{id}:disable`, `:enable`, `:password` and `:no-password`
pub(super) async fn act(
    State(desk): State<Desk>,
    caller: Caller,
    Segment(segment): Segment,
    request: Request,
) -> Result<Response<Body>, Problem> {
    match segment.rsplit_once(':') {
        Some((id, "disable")) => switch(&desk, &caller, id, true).await,
        Some((id, "enable")) => switch(&desk, &caller, id, false).await,
        Some((id, "password")) => {
            let body = JsonBody::from_request(request, &()).await?;
            let UserDraft { user, password } = body.read()?;
            let wish = UserWish {
                name: user,
                password,
            };
            set_user(&desk, &caller, id, Some(wish)).await
        }
        Some((id, "no-password")) => set_user(&desk, &caller, id, None).await,
        Some(_) => Err(Problem::NotFound),
        None => Ok(not_among("DELETE")),
    }
}

/// Sets who logs in for a key, or that nobody does. Tokens that were given out for the old password end.
async fn set_user(
    desk: &Desk,
    caller: &Caller,
    id: &str,
    wish: Option<UserWish>,
) -> Result<Response<Body>, Problem> {
    let _alone = desk.changing.lock().await;
    let access_key = caller.find_key(id).await?;
    let wish = wish.map(|wish| UserWish {
        name: wish.name.or_else(|| {
            let user = access_key.user.as_ref();
            user.map(|user| user.name.to_string())
        }),
        ..wish
    });
    let (new, access_key) = aside(move || keys::with_user(access_key, wish)).await?;
    keys::check_user(&access_key, &desk.app.engine.access_keys().await?)?;
    desk.keep(access_key).await?;
    let mut body = Vec::new();
    json::object(&mut body, |shown| {
        shown.put("id", id);
        shown.put("user", new.as_ref().map(|user| &*user.name));
        shown.put("password", new.as_ref().map(|user| &*user.password));
    });
    Ok(unstored(view::answer(StatusCode::OK, body)))
}

/// Does what takes a while where nobody else waits for it.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeyError> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|_| Problem::Unavailable)??)
}

async fn switch(
    desk: &Desk,
    caller: &Caller,
    id: &str,
    disabled: bool,
) -> Result<Response<Body>, Problem> {
    let _alone = desk.changing.lock().await;
    let access_key = AccessKey {
        disabled,
        ..caller.find_key(id).await?
    };
    let info = keys::info(&access_key);
    desk.keep(access_key).await?;
    let mut body = Vec::new();
    write_info(&mut body, &info);
    Ok(view::answer(StatusCode::OK, body))
}

/// `DELETE /api/v1/keys/{id}`
pub(super) async fn remove(
    State(desk): State<Desk>,
    caller: Caller,
    Segment(id): Segment,
) -> Result<StatusCode, Problem> {
    let _alone = desk.changing.lock().await;
    caller.find_key(&id).await?;
    desk.app.engine.remove_access_key(&id).await?;
    desk.app.keys.remove(&id);
    Ok(StatusCode::NO_CONTENT)
}

impl Desk {
    async fn keep(&self, access_key: AccessKey) -> Result<(), Problem> {
        self.app.engine.put_access_key(access_key.clone()).await?;
        self.app.keys.put(&access_key, &self.app.master_key);
        Ok(())
    }
}

impl Caller {
    fn manages(&self, access_key: &AccessKey) -> bool {
        self.key
            .confined_to()
            .is_none_or(|account| *account == access_key.account)
    }

    /// The key with this id, if the caller may manage it.
    async fn find_key(&self, id: &str) -> Result<AccessKey, Problem> {
        self.allow(action::MANAGE_KEYS, Target::new("key", id))?;
        let access_keys = self.app.engine.access_keys().await?;
        let mut own = access_keys
            .into_iter()
            .filter(|access_key| self.manages(access_key));
        own.find(|access_key| *access_key.id == *id)
            .ok_or(Problem::NotFound)
    }

    /// The key that a draft wishes for. Nobody gives away what they do not have themselves.
    fn key_wish(&self, draft: KeyDraft) -> Result<KeyWish, Problem> {
        let own = self.key.confined_to().map(longrun_model::Account::as_str);
        if draft
            .account
            .as_deref()
            .is_some_and(|account| own.is_some_and(|own| own != account))
        {
            return Err(Problem::Forbidden(
                "the key may manage only keys of its own account".to_owned(),
            ));
        }
        let projects = draft.projects.unwrap_or_default();
        if projects.iter().any(|project| !self.key.works_in(project)) {
            return Err(Problem::Forbidden(
                "the key may give only projects that it works in".to_owned(),
            ));
        }
        if draft.password.is_some() && draft.user.is_none() {
            let text = "`password` needs `user` beside it";
            return Err(Problem::Invalid(text.to_owned()));
        }
        let policy = opaque::read("policy", draft.policy)?;
        Ok(KeyWish {
            project_names: draft
                .project_names
                .unwrap_or_default()
                .into_iter()
                .collect(),
            user: draft.user.map(|name| UserWish {
                name: Some(name),
                password: draft.password,
            }),
            id: draft.id,
            secret: draft.secret,
            token: None,
            account: draft.account.or_else(|| own.map(str::to_owned)),
            projects,
            policy: policy.map(|policy| policy.as_str().to_owned()),
        })
    }
}

fn answer_new(new: &NewKey) -> Response<Body> {
    let mut body = Vec::new();
    json::object(&mut body, |shown| {
        shown.put("id", &*new.id);
        shown.put("secret", &*new.secret);
        shown.put("token", &*new.token);
        shown.put("account", &*new.account);
        write_texts(shown, "projects", &new.projects);
        write_names(shown, &new.project_names);
        if let Some(user) = &new.user {
            shown.put("user", &*user.name);
            shown.put("password", &*user.password);
        }
    });
    unstored(view::answer(StatusCode::CREATED, body))
}

/// The same, not to be kept by anybody on the way.
fn unstored(mut response: Response<Body>) -> Response<Body> {
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn write_info(bytes: &mut Vec<u8>, info: &KeyInfo) {
    json::object(bytes, |shown| {
        shown.put("id", &*info.id);
        shown.put("account", &*info.account);
        write_texts(shown, "projects", &info.projects);
        write_names(shown, &info.project_names);
        shown.put("user", info.user.as_deref());
        shown.put("disabled", info.disabled);
        shown.put("created_at", info.created_at);
        let policy = info.policy.as_deref().map(Json::from_checked);
        shown.put("policy", policy.as_ref());
    });
}

fn write_names(shown: &mut json::Object, names: &[(String, String)]) {
    shown.object("project_names", |shown| {
        for (id, name) in names {
            shown.put_as(id, &**name);
        }
    });
}

fn write_texts(shown: &mut json::Object, name: &'static str, texts: &[String]) {
    shown.array(name, texts, |bytes, text| {
        json::Value::write(text.as_str(), bytes);
    });
}
