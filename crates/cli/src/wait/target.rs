//! What is waited for, as it is typed.

use longrun_server::clouds::{BadTask, Task};
use std::fmt;
use std::str::FromStr;

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// An operation of a Longrun server.
    Operation(String),
    /// A task of a cloud.
    Task(Task),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains(':') {
            let task: Task = text.parse().map_err(|error: BadTask| error.to_string())?;
            return Ok(Self::Task(task));
        }
        match text.trim() {
            "" => Err("a target has an id".to_owned()),
            id => Ok(Self::Operation(id.to_owned())),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation(id) => formatter.write_str(id),
            Self::Task(task) => task.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longrun_server::clouds::Cloud;

    #[test]
    fn targets_are_read_and_written() {
        let long = "x".repeat(513);
        for (text, cloud, id) in [
            ("op-0123", None, Some("op-0123")),
            (
                "tencent-bm:1000800001",
                Some(Cloud::TencentBm),
                Some("1000800001"),
            ),
            ("tencent-vpc:297", Some(Cloud::TencentVpc), Some("297")),
            ("tencent-bm3:7", Some(Cloud::TencentBm3), Some("7")),
            (
                "tencent-vpc3:481e9b6e-81d1-4859-b8cf-a673e010b388",
                Some(Cloud::TencentVpc3),
                Some("481e9b6e-81d1-4859-b8cf-a673e010b388"),
            ),
            ("tencent-vpc3:42", Some(Cloud::TencentVpc3), Some("42")),
            (
                "alibaba-bpstudio:op/a:b_c",
                Some(Cloud::AlibabaBpstudio),
                Some("op/a:b_c"),
            ),
            (
                "huawei-elb:4010b39b",
                Some(Cloud::HuaweiElb),
                Some("4010b39b"),
            ),
            (
                "huawei-ecs:4010b39b",
                Some(Cloud::HuaweiEcs),
                Some("4010b39b"),
            ),
            (
                "huawei-evs:4010b39b",
                Some(Cloud::HuaweiEvs),
                Some("4010b39b"),
            ),
            ("", None, None),
            ("tencent-bm:", None, None),
            ("tencent-bm:abc", None, None),
            ("tencent-bm:-1", None, None),
            ("huawei-elb:../x", None, None),
            ("huawei-elb:", None, None),
            ("aws-ec2:1", None, None),
            ("http://host/op-1", None, None),
            (&format!("alibaba-bpstudio:{long}"), None, None),
        ] {
            let read = text.parse::<Target>();
            let expected = id.map(|id| match cloud {
                None => Target::Operation(id.to_owned()),
                Some(cloud) => Target::Task(Task {
                    cloud,
                    id: id.to_owned(),
                }),
            });
            assert_eq!(read.as_ref().ok(), expected.as_ref(), "{text}: {read:?}");
            if let Ok(target) = read {
                assert_eq!(target.to_string(), text);
            }
        }
    }

    #[test]
    fn an_unknown_cloud_is_told_which_there_are() {
        let error = "aws-ec2:1".parse::<Target>().unwrap_err();
        assert!(
            error.contains("aws-ec2") && error.contains("huawei-evs"),
            "{error}"
        );
    }
}
