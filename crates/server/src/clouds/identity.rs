//! A name and a password, or an application credential, become a token: `POST /v3/auth/tokens`, and what the answer says beside the token.

use super::Secret;
use serde_json::{Map, Value, json};

/// Who wants a token, from whom, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The address of the identity service.
    pub auth_url: String,
    /// Who.
    pub identity: Identity,
    /// For what, unless that goes without saying.
    pub scope: Option<Scope>,
}

/// What is shown to the identity service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A user's password.
    Password {
        /// The user.
        user: User,
        /// The password.
        password: Secret,
    },
    /// A credential that a user has made for a program. It is good for one project, which nobody has to name.
    Application {
        /// Which one.
        credential: Named,
        /// Whose, which only a name needs.
        user: User,
        /// Its secret.
        secret: Secret,
    },
}

/// A user, and the domain that its name belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user.
    pub user: Named,
    /// The domain of its name.
    pub domain: Named,
}

/// A project, and the domain that its name belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The project.
    pub project: Named,
    /// The domain of its name.
    pub domain: Named,
}

/// Something that is known by its id, by its name, or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

impl Named {
    /// As the service wants it: an id needs no name beside it.
    fn json(&self) -> Option<Map<String, Value>> {
        let (key, value) = match (&self.id, &self.name) {
            (Some(id), _) => ("id", id),
            (None, Some(name)) => ("name", name),
            (None, None) => return None,
        };
        Some(Map::from_iter([(key.to_owned(), json!(value))]))
    }

    /// The same with a domain, which only a name needs.
    fn json_in(&self, domain: &Self) -> Option<Map<String, Value>> {
        let mut json = self.json()?;
        if let (None, Some(domain)) = (&self.id, domain.json()) {
            json.insert("domain".to_owned(), Value::Object(domain));
        }
        Some(json)
    }
}

impl Login {
    /// Where to ask. The version stands in some addresses and not in others.
    pub fn url(&self) -> String {
        let base = self.auth_url.trim_end_matches('/');
        let base = base.strip_suffix("/v3").unwrap_or(base);
        format!("{base}/v3/auth/tokens")
    }

    /// What to send.
    pub fn body(&self) -> Value {
        let (method, shown) = self.identity.shown();
        let mut auth = json!({ "identity": { "methods": [method] } });
        auth["identity"][method] = shown;
        let scope = self.scope.as_ref();
        if let Some(project) = scope.and_then(|it| it.project.json_in(&it.domain)) {
            auth["scope"] = json!({ "project": project });
        }
        json!({ "auth": auth })
    }
}

impl Identity {
    /// What the way in is called, and what is shown there.
    fn shown(&self) -> (&'static str, Value) {
        match self {
            Self::Password { user, password } => {
                let mut user = user.user.json_in(&user.domain).unwrap_or_default();
                user.insert("password".to_owned(), json!(password.reveal()));
                ("password", json!({ "user": user }))
            }
            Self::Application {
                credential,
                user,
                secret,
            } => {
                let mut shown = credential.json().unwrap_or_default();
                shown.insert("secret".to_owned(), json!(secret.reveal()));
                if credential.id.is_none()
                    && let Some(user) = user.user.json_in(&user.domain)
                {
                    shown.insert("user".to_owned(), Value::Object(user));
                }
                ("application_credential", Value::Object(shown))
            }
        }
    }
}

/// What the identity service handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The token.
    pub token: Secret,
    /// The project that it is for.
    pub project: Option<String>,
    catalog: Vec<Entry>,
}

/// Where a service is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    service: String,
    region: Option<String>,
    url: String,
}

impl Session {
    /// Reads the answer: the token stands in a header, the rest in the body.
    pub fn read(token: Secret, body: &Value) -> Self {
        let told = &body["token"];
        let services = told["catalog"].as_array().into_iter().flatten();
        Self {
            token,
            project: told["project"]["id"].as_str().map(str::to_owned),
            catalog: services.flat_map(entries).collect(),
        }
    }

    /// Where a service is reached that has one of these names, in `region` if one is given. Names that come first are
    /// better.
    pub fn address_of(&self, names: &[&str], region: Option<&str>) -> Option<&str> {
        let is_there = |entry: &&Entry| match (region, &entry.region) {
            (Some(wanted), Some(region)) => wanted == region,
            (_, _) => true,
        };
        names.iter().find_map(|name| {
            let mut of_name = self.catalog.iter().filter(|it| it.service == *name);
            of_name.find(is_there).map(|entry| entry.url.as_str())
        })
    }
}

/// The public addresses of a service.
fn entries(service: &Value) -> Vec<Entry> {
    let name = service["type"].as_str().unwrap_or_default();
    let endpoints = service["endpoints"].as_array().into_iter().flatten();
    endpoints
        .filter(|endpoint| endpoint["interface"] == "public")
        .filter_map(|endpoint| {
            let region = endpoint["region"]
                .as_str()
                .or_else(|| endpoint["region_id"].as_str());
            Some(Entry {
                service: name.to_owned(),
                region: region.map(str::to_owned),
                url: endpoint["url"].as_str()?.to_owned(),
            })
        })
        .collect()
}
