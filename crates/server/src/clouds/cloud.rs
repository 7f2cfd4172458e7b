//! The clouds that can be asked: their names, where they are reached, and how fast they may be asked.

use super::Vendor;
use http::HeaderMap;
use longrun_dialects::{
    Dialect, Observation, QueryError, Request, SignError, Signer, Target, alibaba_bpstudio,
    huawei_elb, tencent_bm, tencent_bm3, tencent_vpc, tencent_vpc3,
};
use longrun_poller::Quota;
use std::num::NonZeroU32;

/// A task API of somebody else's cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// Tencent bare metal, API 2.0.
    TencentBm,
    /// Tencent virtual private cloud, API 2.0.
    TencentVpc,
    /// Tencent bare metal, API 3.0.
    TencentBm3,
    /// Tencent virtual private cloud, API 3.0.
    TencentVpc3,
    /// Alibaba BPStudio.
    AlibabaBpstudio,
    /// Huawei load balancers.
    HuaweiElb,
    /// Huawei servers.
    HuaweiEcs,
    /// Huawei volumes.
    HuaweiEvs,
}

impl Cloud {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::TencentBm,
        Self::TencentVpc,
        Self::TencentBm3,
        Self::TencentVpc3,
        Self::AlibabaBpstudio,
        Self::HuaweiElb,
        Self::HuaweiEcs,
        Self::HuaweiEvs,
    ];

    /// What stands before the colon of a target.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TencentBm => "tencent-bm",
            Self::TencentVpc => "tencent-vpc",
            Self::TencentBm3 => "tencent-bm3",
            Self::TencentVpc3 => "tencent-vpc3",
            Self::AlibabaBpstudio => "alibaba-bpstudio",
            Self::HuaweiElb => "huawei-elb",
            Self::HuaweiEcs => "huawei-ecs",
            Self::HuaweiEvs => "huawei-evs",
        }
    }

    /// The names of all of them, for people.
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// The cloud with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cloud| cloud.name() == name)
    }

    /// Whose credentials it takes.
    pub const fn vendor(self) -> Vendor {
        match self {
            Self::TencentBm | Self::TencentVpc | Self::TencentBm3 | Self::TencentVpc3 => {
                Vendor::Tencent
            }
            Self::AlibabaBpstudio => Vendor::Alibaba,
            Self::HuaweiElb | Self::HuaweiEcs | Self::HuaweiEvs => Vendor::Huawei,
        }
    }

    /// Writes a poll.
    pub fn poll(
        self,
        target: &Target,
        signer: &Signer,
    ) -> Result<http::Request<Vec<u8>>, SignError> {
        match self {
            Self::HuaweiEcs | Self::HuaweiEvs => huawei_elb::poll_v1(target, signer),
            Self::TencentBm
            | Self::TencentVpc
            | Self::TencentBm3
            | Self::TencentVpc3
            | Self::AlibabaBpstudio
            | Self::HuaweiElb => self.dialect().poll(target, signer),
        }
    }

    /// Writes a caller's call anew.
    pub(crate) fn forward(
        self,
        request: &Request,
        target: &Target,
        signer: &Signer,
    ) -> Result<http::Request<Vec<u8>>, SignError> {
        self.dialect().forward(request, target, signer)
    }

    /// Reads an answer.
    pub fn read(
        self,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Observation, QueryError> {
        self.dialect().read(status, headers, body)
    }

    /// The dialect that it speaks.
    pub const fn dialect(self) -> &'static dyn Dialect {
        match self {
            Self::TencentBm => &tencent_bm::TencentBm,
            Self::TencentVpc => &tencent_vpc::TencentVpc,
            Self::TencentBm3 => &tencent_bm3::TencentBm3,
            Self::TencentVpc3 => &tencent_vpc3::TencentVpc3,
            Self::AlibabaBpstudio => &alibaba_bpstudio::AlibabaBpstudio,
            Self::HuaweiElb | Self::HuaweiEcs | Self::HuaweiEvs => &huawei_elb::HuaweiElb,
        }
    }

    /// Whether a path of its dialect can be one of this cloud. Clouds that share a dialect differ in how paths begin.
    pub(crate) fn has_path(self, path: &str) -> bool {
        match self {
            Self::TencentBm
            | Self::TencentVpc
            | Self::TencentBm3
            | Self::TencentVpc3
            | Self::AlibabaBpstudio => true,
            // What a submission answers names its job by a path of the others.
            Self::HuaweiElb => {
                path.starts_with("/v1.0/") || (path.starts_with("/v1/") && path.contains("/jobs/"))
            }
            Self::HuaweiEcs | Self::HuaweiEvs => path.starts_with("/v1/"),
        }
    }

    /// Where the cloud is reached in `region`, unless the user says otherwise. Nothing if a region is needed and there
    /// is none.
    pub fn usual_address(self, region: Option<&str>) -> Option<String> {
        let host = match self {
            Self::TencentBm => "bm.api.qcloud.com".to_owned(),
            Self::TencentVpc => "vpc.api.qcloud.com".to_owned(),
            Self::TencentBm3 => "bm.tencentcloudapi.com".to_owned(),
            Self::TencentVpc3 => "vpc.tencentcloudapi.com".to_owned(),
            // Two regions have a host of their own; the vendor's clients fall back to the common one.
            Self::AlibabaBpstudio => match region {
                Some(region @ ("cn-hangzhou" | "ap-southeast-1")) => {
                    format!("bpstudio.{region}.aliyuncs.com")
                }
                Some(_) | None => "bpstudio.aliyuncs.com".to_owned(),
            },
            Self::HuaweiElb | Self::HuaweiEcs | Self::HuaweiEvs => {
                format!("{}.{}.myhuaweicloud.com", self.service(), region?)
            }
        };
        Some(format!("https://{host}"))
    }

    /// What the names of the service's hosts begin with.
    pub const fn service(self) -> &'static str {
        match self {
            Self::TencentBm | Self::TencentBm3 => "bm",
            Self::TencentVpc | Self::TencentVpc3 => "vpc",
            Self::AlibabaBpstudio => "bpstudio",
            Self::HuaweiElb => "elb",
            Self::HuaweiEcs => "ecs",
            Self::HuaweiEvs => "evs",
        }
    }

    /// What the catalog of an identity service calls it, the best name first.
    pub const fn catalog_names(self) -> &'static [&'static str] {
        match self {
            Self::TencentBm
            | Self::TencentVpc
            | Self::TencentBm3
            | Self::TencentVpc3
            | Self::AlibabaBpstudio => &[],
            // The load balancers' second and third versions stand on the host of the first.
            Self::HuaweiElb => &["elbv1", "elb"],
            Self::HuaweiEcs => &["ecs", "compute"],
            Self::HuaweiEvs => &["evs", "volumev2", "volumev3"],
        }
    }

    /// How fast one account may ask. Where no page tells, as fast as the slowest that one does.
    pub const fn quota(self) -> Quota {
        let (calls, per_millis) = match self {
            Self::TencentBm | Self::TencentVpc => (100, 60_000),
            Self::TencentBm3 => (50, 1_000),
            Self::TencentVpc3
            | Self::AlibabaBpstudio
            | Self::HuaweiElb
            | Self::HuaweiEcs
            | Self::HuaweiEvs => (20, 1_000),
        };
        Quota {
            calls: NonZeroU32::new(calls).expect("no quota is zero"),
            per_millis: NonZeroU32::new(per_millis).expect("no period is zero"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clouds_are_found_by_their_names() {
        for cloud in Cloud::ALL {
            assert_eq!(Cloud::named(cloud.name()), Some(cloud));
        }
        assert_eq!(Cloud::named("tencent"), None);
    }

    #[test]
    fn usual_addresses() {
        for (cloud, region, expected) in [
            (Cloud::TencentBm, None, Some("https://bm.api.qcloud.com")),
            (
                Cloud::TencentVpc,
                Some("ap-beijing"),
                Some("https://vpc.api.qcloud.com"),
            ),
            (
                Cloud::TencentBm3,
                None,
                Some("https://bm.tencentcloudapi.com"),
            ),
            (
                Cloud::TencentVpc3,
                None,
                Some("https://vpc.tencentcloudapi.com"),
            ),
            (
                Cloud::AlibabaBpstudio,
                None,
                Some("https://bpstudio.aliyuncs.com"),
            ),
            (
                Cloud::AlibabaBpstudio,
                Some("ap-southeast-1"),
                Some("https://bpstudio.ap-southeast-1.aliyuncs.com"),
            ),
            (
                Cloud::AlibabaBpstudio,
                Some("eu-central-1"),
                Some("https://bpstudio.aliyuncs.com"),
            ),
            (
                Cloud::HuaweiElb,
                Some("cn-north-4"),
                Some("https://elb.cn-north-4.myhuaweicloud.com"),
            ),
            (
                Cloud::HuaweiEvs,
                Some("cn-north-4"),
                Some("https://evs.cn-north-4.myhuaweicloud.com"),
            ),
            (Cloud::HuaweiEcs, None, None),
        ] {
            let found = cloud.usual_address(region);
            assert_eq!(found.as_deref(), expected, "{cloud:?} {region:?}");
        }
    }
}
