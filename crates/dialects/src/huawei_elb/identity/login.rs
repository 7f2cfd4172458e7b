//! Who wants a token, by what, and for what: the body of `POST /v3/auth/tokens`.

use super::{domain_id, user_id};
use crate::Fault;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;

type Object = Map<String, Value>;

/// A wish for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// What is shown for it.
    pub means: Means,
    /// What it shall be good for.
    pub scope: ScopeWish,
    /// Whether the catalog is wanted beside it.
    pub catalog: bool,
}

/// What is shown for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Means {
    /// A password.
    Password {
        /// The id of the user, see [`user_id`].
        user: String,
        /// Its password.
        password: Password,
    },
    /// A token.
    Token(Password),
}

/// A text that is printed as dots.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

/// What a token shall be good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeWish {
    /// Nothing in particular.
    Nothing,
    /// The domain with this id.
    Domain(String),
    /// The project with this id.
    ProjectId(String),
    /// The project with this name.
    ProjectName {
        /// The name.
        name: String,
        /// The id of the domain, if one was named: plain OpenStack wants it, this cloud does not.
        domain: Option<String>,
    },
}

/// Reads the body.
pub(super) fn read(body: &[u8], catalog: bool) -> Result<Login, Fault> {
    let body: Value =
        serde_json::from_slice(body).map_err(|_| Fault::Malformed("the body is no JSON"))?;
    let body = body
        .as_object()
        .ok_or(Fault::Malformed("the body is no object"))?;
    let auth = object(body, "auth", "auth")?;
    let identity = object(auth, "identity", "auth.identity")?;
    Ok(Login {
        means: means(identity)?,
        scope: scope(auth)?,
        catalog,
    })
}

fn means(identity: &Object) -> Result<Means, Fault> {
    let methods = identity
        .get("methods")
        .ok_or_else(|| missing("auth.identity.methods"))?;
    let methods = methods
        .as_array()
        .ok_or_else(|| wrong("auth.identity.methods"))?;
    match methods.as_slice() {
        [Value::String(one)] if one == "password" => {
            let password = object(identity, "password", "auth.identity.password")?;
            user(object(password, "user", "auth.identity.password.user")?)
        }
        [Value::String(one)] if one == "token" => {
            let token = object(identity, "token", "auth.identity.token")?;
            let id = text(token, "id", "auth.identity.token.id")?;
            Ok(Means::Token(id.into()))
        }
        [] => Err(missing("auth.identity.methods")),
        [Value::String(other), ..] => Err(Fault::UnknownAlgorithm(
            // What is repeated to the caller is no longer than any method's name.
            other.chars().take(32).collect(),
        )),
        [..] => Err(wrong("auth.identity.methods")),
    }
}

fn user(user: &Object) -> Result<Means, Fault> {
    let password = text(user, "password", "auth.identity.password.user.password")?;
    let id = match optional(user, "id", "auth.identity.password.user.id")? {
        Some(id) => id.to_owned(),
        None => {
            let name = text(user, "name", "auth.identity.password.user.name")?;
            let domain = domain(user, "auth.identity.password.user.domain")?;
            let domain = domain.ok_or_else(|| missing("auth.identity.password.user.domain"))?;
            user_id(&domain, name)
        }
    };
    Ok(Means::Password {
        user: id,
        password: password.into(),
    })
}

fn scope(auth: &Object) -> Result<ScopeWish, Fault> {
    let scope = match auth.get("scope") {
        None | Some(Value::Null) => return Ok(ScopeWish::Nothing),
        // OpenStack's word for a token that shall have no scope even if the user has a usual one.
        Some(Value::String(word)) if word == "unscoped" => return Ok(ScopeWish::Nothing),
        Some(Value::Object(scope)) if scope.contains_key("unscoped") => {
            return Ok(ScopeWish::Nothing);
        }
        Some(Value::Object(scope)) => scope,
        Some(Value::String(_) | Value::Bool(_) | Value::Number(_) | Value::Array(_)) => {
            return Err(wrong("auth.scope"));
        }
    };
    if scope.contains_key("project") {
        return project(object(scope, "project", "auth.scope.project")?);
    }
    match domain(scope, "auth.scope.domain")? {
        Some(id) => Ok(ScopeWish::Domain(id)),
        None => Err(missing("auth.scope.project")),
    }
}

fn project(project: &Object) -> Result<ScopeWish, Fault> {
    if let Some(id) = optional(project, "id", "auth.scope.project.id")? {
        return Ok(ScopeWish::ProjectId(id.to_owned()));
    }
    Ok(ScopeWish::ProjectName {
        name: text(project, "name", "auth.scope.project.name")?.to_owned(),
        domain: domain(project, "auth.scope.project.domain")?,
    })
}

/// The id of the domain that stands in an object, by its id or by its name.
fn domain(parent: &Object, name: &'static str) -> Result<Option<String>, Fault> {
    if !parent.contains_key("domain") {
        return Ok(None);
    }
    let domain = object(parent, "domain", name)?;
    if let Some(id) = optional(domain, "id", name)? {
        return Ok(Some(id.to_owned()));
    }
    text(domain, "name", name).map(|account| Some(domain_id(account)))
}

fn object<'v>(parent: &'v Object, key: &str, name: &'static str) -> Result<&'v Object, Fault> {
    match parent.get(key) {
        None | Some(Value::Null) => Err(missing(name)),
        Some(value) => value.as_object().ok_or_else(|| wrong(name)),
    }
}

fn text<'v>(parent: &'v Object, key: &str, name: &'static str) -> Result<&'v str, Fault> {
    optional(parent, key, name)?.ok_or_else(|| missing(name))
}

/// A text; empty and null are as if it were not there.
fn optional<'v>(
    parent: &'v Object,
    key: &str,
    name: &'static str,
) -> Result<Option<&'v str>, Fault> {
    match parent.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let text = value.as_str().ok_or_else(|| wrong(name))?;
            Ok((!text.is_empty()).then_some(text))
        }
    }
}

fn missing(name: &'static str) -> Fault {
    Fault::MissingParameter(Cow::Borrowed(name))
}

fn wrong(name: &'static str) -> Fault {
    Fault::InvalidParameter {
        name: Cow::Borrowed(name),
        reason: "it is of another type",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn login(identity: &Value, scope: Option<Value>) -> Result<Login, Fault> {
        let mut auth = json!({ "identity": identity });
        if let Some(scope) = scope {
            auth["scope"] = scope;
        }
        read(json!({ "auth": auth }).to_string().as_bytes(), true)
    }

    fn password(user: &Value) -> Value {
        json!({"methods": ["password"], "password": {"user": user}})
    }

    #[test]
    fn a_user_is_known_by_its_id_or_by_its_name_in_a_domain() {
        let domain = domain_id("acme");
        let id = user_id(&domain, "jane");
        for user in [
            json!({"id": id, "password": "p"}),
            json!({"name": "jane", "domain": {"name": "acme"}, "password": "p"}),
            json!({"name": "jane", "domain": {"id": domain}, "password": "p"}),
            json!({"id": id, "name": null, "password": "p"}),
        ] {
            let expected = Means::Password {
                user: id.clone(),
                password: "p".into(),
            };
            assert_eq!(
                login(&password(&user), None).unwrap().means,
                expected,
                "{user}"
            );
        }
    }

    #[test]
    fn scopes_are_told_apart() {
        let domain = domain_id("acme");
        for (scope, expected) in [
            (json!(null), ScopeWish::Nothing),
            (json!("unscoped"), ScopeWish::Nothing),
            (json!({"unscoped": {}}), ScopeWish::Nothing),
            (
                json!({"project": {"id": "p1"}}),
                ScopeWish::ProjectId("p1".into()),
            ),
            (
                json!({"project": {"name": "eu-de"}}),
                ScopeWish::ProjectName {
                    name: "eu-de".into(),
                    domain: None,
                },
            ),
            (
                json!({"project": {"name": "eu-de", "domain": {"name": "acme"}}}),
                ScopeWish::ProjectName {
                    name: "eu-de".into(),
                    domain: Some(domain.clone()),
                },
            ),
            (
                json!({"domain": {"name": "acme"}}),
                ScopeWish::Domain(domain.clone()),
            ),
        ] {
            let identity = json!({"methods": ["token"], "token": {"id": "t"}});
            let found = login(&identity, Some(scope.clone())).unwrap();
            assert_eq!(
                (found.means, found.scope),
                (Means::Token("t".into()), expected),
                "{scope}"
            );
        }
    }

    /// What is wrong with a good login in which `value` stands at `place`.
    fn flaw(place: &str, value: &str) -> String {
        let user = json!({"name": "jane", "domain": {"name": "acme"}, "password": "p"});
        let mut body = json!({"auth": {"identity": password(&user), "scope": null}});
        *body.pointer_mut(&format!("/auth{place}")).unwrap() = serde_json::from_str(value).unwrap();
        let fault = read(body.to_string().as_bytes(), true).unwrap_err();
        fault.to_string()
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_named() {
        const USER: &str = "/identity/password/user";
        for (place, value, name) in [
            ("/identity", "{}", "identity.methods"),
            ("/identity/methods", "[]", "identity.methods"),
            ("/identity/methods", "7", "identity.methods"),
            ("/identity/methods", "[7]", "identity.methods"),
            ("/identity/methods", r#"["token"]"#, "identity.token"),
            ("/identity/password", "null", "identity.password"),
            ("/scope", "1", "scope"),
            ("/scope", "{}", "scope.project"),
            ("/scope", r#"{"project":[]}"#, "scope.project"),
            ("/scope", r#"{"project":{}}"#, "scope.project.name"),
            ("/scope", r#"{"project":{"id":1}}"#, "scope.project.id"),
        ] {
            let found = flaw(place, value);
            assert!(
                found.contains(&format!("`auth.{name}`")),
                "{place}: {found}"
            );
        }
        for (place, value) in [
            ("name", "null"),
            ("name", "7"),
            ("password", "\"\""),
            ("password", "7"),
            ("domain", "null"),
            ("domain", "{}"),
            ("domain", "\"acme\""),
        ] {
            let found = flaw(&format!("{USER}/{place}"), value);
            let name = format!("`auth.identity.password.user.{place}`");
            assert!(found.contains(&name), "{place} {value}: {found}");
        }
    }

    #[test]
    fn what_is_no_login_is_refused() {
        for body in ["", "{", "[]", "{\"auth\":[]}", "null"] {
            assert!(read(body.as_bytes(), true).is_err(), "{body}");
        }
        let other = login(&json!({"methods": ["totp", "password"]}), None);
        assert_eq!(other, Err(Fault::UnknownAlgorithm("totp".to_owned())));
    }

    #[test]
    fn a_password_is_never_printed() {
        let identity = password(&json!({"id": "u", "password": "5ec4e7"}));
        let printed = format!("{:?}", login(&identity, None).unwrap());
        assert!(!printed.contains("5ec4e7"), "{printed}");
    }
}
