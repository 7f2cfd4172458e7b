//! Access keys as blobs.

use super::{Unreadable, begin, json, only, put, text};
use crate::AccessKey;
use longrun_model::{ProjectId, Timestamp};
use serde::{Deserialize, Serialize};

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
    let mut blob = Vec::new();
    begin(&mut blob);
    put(&mut blob, &record);
    blob
}

/// The access key `id` with this blob.
pub(crate) fn read_access_key(id: &str, blob: &[u8]) -> Result<AccessKey, Unreadable> {
    let record: AccessKeyRecord<'_> = only(blob)?;
    Ok(AccessKey {
        id: id.into(),
        account: record.account.into(),
        projects: record.projects.into_iter().map(ProjectId::from).collect(),
        policy: json(record.policy),
        sealed_secret: record.sealed_secret.to_vec(),
        token_digest: record.token_digest,
        disabled: record.disabled,
        created_at: Timestamp::from_millis(record.created_at),
    })
}
