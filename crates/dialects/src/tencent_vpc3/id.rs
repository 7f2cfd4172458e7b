//! Which operation is asked for. A request id is a UUID, and so are the 32 digits of an operation with dashes put in.

use crate::tencent3::arguments::{self, Arguments};
use crate::{Fault, OperationRef};
use std::borrow::Cow;

/// The longest id that is looked at. The cloud's own have 36 bytes.
pub(super) const BYTES_MAX: usize = 512;
/// The groups of a UUID.
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
/// The longest text that may be a number; one of 32 digits is a UUID without its dashes.
const NUMBER_BYTES_MAX: usize = 20;

/// The operation of `DescribeVpcTaskResult`.
pub(super) fn of_request<'a>(arguments: &Arguments<'a>) -> Result<OperationRef<'a>, Fault> {
    let id = arguments.required("TaskId")?;
    if id.len() <= NUMBER_BYTES_MAX && id.bytes().all(|byte| byte.is_ascii_digit()) {
        return arguments::number(&id).map(OperationRef::Number);
    }
    text("TaskId", id)
}

/// The operation of `DescribeTaskResult`. Of the two ways to name it the number goes first.
pub(super) fn of_number_or_deal<'a>(arguments: &Arguments<'a>) -> Result<OperationRef<'a>, Fault> {
    if let Some(number) = arguments.word("TaskId")? {
        return arguments::number(&number).map(OperationRef::Number);
    }
    let deal = arguments.word("DealName")?;
    text(
        "DealName",
        deal.ok_or(Fault::MissingParameter("TaskId".into()))?,
    )
}

fn text<'a>(name: &'static str, id: Cow<'a, str>) -> Result<OperationRef<'a>, Fault> {
    if id.len() > BYTES_MAX {
        return Err(Fault::InvalidParameter {
            name: Cow::Borrowed(name),
            reason: "it is longer than any id",
        });
    }
    Ok(OperationRef::Text(match digits(&id) {
        Some(digits) => Cow::Owned(digits),
        None => id,
    }))
}

/// The digits of a UUID, in lower case.
pub(super) fn digits(id: &str) -> Option<String> {
    let is_hex = |group: &str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    let groups = || id.split('-');
    let is_uuid = groups().map(str::len).eq(GROUPS) && groups().all(is_hex);
    is_uuid.then(|| groups().collect::<String>().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_uuids() {
        for (id, expected) in [
            (
                "481e9b6e-81d1-4859-b8cf-a673e010b388",
                Some("481e9b6e81d14859b8cfa673e010b388"),
            ),
            (
                "481E9B6E-81D1-4859-B8CF-A673E010B388",
                Some("481e9b6e81d14859b8cfa673e010b388"),
            ),
            ("481e9b6e81d14859b8cfa673e010b388", None),
            ("481e9b6e-81d1-4859-b8cf-a673e010b38", None),
            ("481e9b6e-81d1-4859-b8cf-a673e010b38g", None),
            ("481e9b6e-81d14859-b8cf-a673e010b388", None),
            ("481e9b6e-81d1-4859-b8cf-a673e010b388-", None),
            ("", None),
        ] {
            assert_eq!(digits(id).as_deref(), expected, "{id}");
        }
    }
}
