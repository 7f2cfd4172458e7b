//! Access keys as blobs.

use super::{FORMAT, Unreadable, json, put, take, text};
use crate::{AccessKey, User};
use longrun_model::{ProjectId, Timestamp};
use serde::{Deserialize, Serialize};

/// The format that is written: a record as in the first format, and behind it one of what came later.
const SECOND_FORMAT: u8 = 2;

#[derive(Serialize, Deserialize)]
struct AccessKeyRecord<'a> {
    account: &'a str,
    #[serde(borrow)]
    projects: Vec<&'a str>,
    policy: Option<&'a str>,
    sealed_secret: &'a [u8],
    token_digest: [u8; 32],
    disabled: bool,
    created_at: i64,
}

/// What keys of the first format do not have.
#[derive(Default, Serialize, Deserialize)]
struct LaterRecord<'a> {
    #[serde(borrow)]
    project_names: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    user: Option<UserRecord<'a>>,
}

#[derive(Serialize, Deserialize)]
struct UserRecord<'a> {
    name: &'a str,
    password_hash: &'a str,
}

/// Everything about an access key but its id.
pub(crate) fn write_access_key(access_key: &AccessKey) -> Vec<u8> {
    let record = AccessKeyRecord {
        account: access_key.account.as_str(),
        projects: access_key.projects.iter().map(ProjectId::as_str).collect(),
        policy: text(access_key.policy.as_ref()),
        sealed_secret: &access_key.sealed_secret,
        token_digest: access_key.token_digest,
        disabled: access_key.disabled,
        created_at: access_key.created_at.as_millis(),
    };
    let names = access_key.project_names.iter();
    let later = LaterRecord {
        project_names: names.map(|(id, name)| (id.as_str(), &**name)).collect(),
        user: access_key.user.as_ref().map(|user| UserRecord {
            name: &user.name,
            password_hash: &user.password_hash,
        }),
    };
    let mut blob = vec![SECOND_FORMAT];
    put(&mut blob, &record);
    put(&mut blob, &later);
    blob
}

/// The access key `id` with this blob.
pub(crate) fn read_access_key(id: &str, blob: &[u8]) -> Result<AccessKey, Unreadable> {
    let (format, mut rest) = blob.split_first().ok_or(Unreadable)?;
    let record: AccessKeyRecord<'_> = take(&mut rest)?;
    let later: LaterRecord<'_> = match *format {
        FORMAT => LaterRecord::default(),
        SECOND_FORMAT => take(&mut rest)?,
        _ => return Err(Unreadable),
    };
    if !rest.is_empty() {
        return Err(Unreadable);
    }
    let names = later.project_names.into_iter();
    Ok(AccessKey {
        id: id.into(),
        account: record.account.into(),
        projects: record.projects.into_iter().map(ProjectId::from).collect(),
        project_names: names
            .map(|(id, name)| (ProjectId::from(id), name.into()))
            .collect(),
        user: later.user.map(|user| User {
            name: user.name.into(),
            password_hash: user.password_hash.into(),
        }),
        policy: json(record.policy),
        sealed_secret: record.sealed_secret.to_vec(),
        token_digest: record.token_digest,
        disabled: record.disabled,
        created_at: Timestamp::from_millis(record.created_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access_key() -> AccessKey {
        AccessKey {
            id: "k".into(),
            account: "acme".into(),
            projects: vec!["p1".into(), "p2".into()],
            project_names: vec![("p1".into(), "eu-de".into())],
            user: Some(User {
                name: "jane".into(),
                password_hash: "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaA".into(),
            }),
            policy: None,
            sealed_secret: vec![1, 2, 3],
            token_digest: [7; 32],
            disabled: false,
            created_at: Timestamp::from_millis(5),
        }
    }

    #[test]
    fn keys_are_read_as_they_were_written() {
        let key = access_key();
        assert_eq!(read_access_key("k", &write_access_key(&key)), Ok(key));
    }

    /// Keys that were written before there were users have neither a user nor names.
    #[test]
    fn keys_of_the_first_format_are_read() {
        let expected = AccessKey {
            project_names: Vec::new(),
            user: None,
            ..access_key()
        };
        let mut blob = write_access_key(&expected);
        blob[0] = FORMAT;
        // What came later is then two empty values, of a byte each.
        blob.truncate(blob.len() - 2);
        assert_eq!(read_access_key("k", &blob), Ok(expected));
        for damage in [vec![], vec![3], vec![FORMAT], [blob, vec![0]].concat()] {
            assert_eq!(read_access_key("k", &damage), Err(Unreadable), "{damage:?}");
        }
    }
}
