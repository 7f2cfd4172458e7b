//! From what was typed to whom to ask: every target with its credentials and its address, before the first poll.

use super::aim::{Aim, Line};
use crate::credentials::{self, Found, Places};
use crate::environment::{Environment, environment};
use crate::out;
use crate::usage::UsageError;
use longrun_poller::Bucket;
use longrun_server::clouds::{
    AUTHORITIES, Access, Address, Cloud, Keys, Reach, Task, Transport, Vendor,
};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// How clouds are asked.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct CloudArgs {
    /// Ask here instead of where the cloud is: an emulator, or a region's own host
    #[arg(long, value_name = "URL")]
    pub(super) endpoint: Option<String>,
    /// The region [default: the one that stands beside the credentials]
    #[arg(long, value_name = "REGION")]
    pub(super) region: Option<String>,
    /// Take the credentials from this profile: of tccli, of the aliyun CLI, a section of an SDK's file, or a cloud of clouds.yaml
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// The project, where the cloud has projects
    #[arg(long, value_name = "ID")]
    pub(super) project: Option<String>,
    /// The resource group, where the cloud checks permissions in one
    #[arg(long, value_name = "ID")]
    pub(super) resource_group: Option<String>,
    /// Tell where credentials were found, and where the cloud is asked
    #[arg(short, long)]
    pub(super) verbose: bool,
}

/// Makes the aims of tasks. What several tasks share is made once.
pub(super) struct Planner<'a> {
    args: &'a CloudArgs,
    address: Option<Address>,
    transport: Transport,
    found: HashMap<Vendor, (Found, Arc<Keys>)>,
    lines: HashMap<Cloud, Arc<Line>>,
}

impl<'a> Planner<'a> {
    /// Will aim as the arguments say.
    pub(super) fn new(args: &'a CloudArgs) -> anyhow::Result<Self> {
        let address = typed(args.endpoint.as_deref())?;
        Ok(Self {
            args,
            address,
            transport: transport(&environment)?,
            found: HashMap::new(),
            lines: HashMap::new(),
        })
    }

    /// The aim of a task.
    pub(super) fn aim(&mut self, task: Task) -> Result<Aim, UsageError> {
        let cloud = task.cloud;
        let (found, keys) = self.found(cloud.vendor())?;
        let region = self.args.region.clone().or(found.region);
        let project = self.args.project.clone().or(found.project);
        check_project(cloud, &found.access, project.as_deref())?;
        let typed = self.address.clone();
        let address = typed.map_or_else(
            || usual_address(cloud, &found.access, region.as_deref()),
            |address| Ok(Some(address)),
        )?;
        if self.args.verbose {
            let place = match &address {
                Some(address) => format!("at {address}"),
                None => "where the identity service says".to_owned(),
            };
            let beside = [("region", &region), ("project", &project)];
            let beside = beside.iter().filter_map(|(name, value)| {
                let value = value.as_deref()?;
                Some(format!(", {name} {value}"))
            });
            let beside: String = beside.collect();
            out::note(&format!("{task}: asking {place}{beside}"));
        }
        let line = self.lines.entry(cloud);
        let line = line.or_insert_with(|| Arc::new(Line::new(Bucket::new(cloud.quota()))));
        Ok(Aim {
            line: Arc::clone(line),
            reach: Reach {
                cloud,
                region,
                project,
                resource_group: self.args.resource_group.clone(),
                address,
                keys,
                transport: self.transport.clone(),
            },
            task,
            recorder: None,
        })
    }

    fn found(&mut self, vendor: Vendor) -> Result<(Found, Arc<Keys>), UsageError> {
        if let Some((found, keys)) = self.found.get(&vendor) {
            return Ok((found.clone(), Arc::clone(keys)));
        }
        let places = Places::usual(&environment, self.args.profile.as_deref());
        let found = credentials::find(vendor, &places)?;
        if self.args.verbose {
            let name = vendor.name();
            out::note(&format!("{name}: credentials from {}", found.source));
        }
        let keys = Arc::new(Keys::new(found.access.clone()));
        self.found
            .insert(vendor, (found.clone(), Arc::clone(&keys)));
        Ok((found, keys))
    }
}

/// A token that was fetched for a password says which project it is for; nothing else does.
pub(crate) fn check_project(
    cloud: Cloud,
    access: &Access,
    project: Option<&str>,
) -> Result<(), UsageError> {
    if cloud.vendor() != Vendor::Huawei || project.is_some() {
        return Ok(());
    }
    match access {
        Access::Login(_) => Ok(()),
        Access::Key(_) | Access::Token { .. } => Err(UsageError(
            "Huawei Cloud needs a project: give --project, or set HUAWEICLOUD_SDK_PROJECT_ID or \
             OS_PROJECT_ID"
                .to_owned(),
        )),
    }
}

/// The way to all clouds.
pub(crate) fn transport(environment: Environment) -> Result<Transport, UsageError> {
    let authorities = environment(AUTHORITIES).map(PathBuf::from);
    let transport = Transport::new(authorities.as_deref());
    transport.map_err(|error| UsageError(error.to_string()))
}

/// Where to ask when nobody said so. Nothing if the catalog of the identity service will tell.
pub(crate) fn usual_address(
    cloud: Cloud,
    access: &Access,
    region: Option<&str>,
) -> Result<Option<Address>, UsageError> {
    let text = match access {
        Access::Login(_) => return Ok(None),
        Access::Token { auth_url, .. } => {
            let beside = auth_url
                .as_deref()
                .and_then(|it| Address::beside(it, cloud));
            return beside.map(Some).ok_or_else(|| {
                UsageError(
                    "a token alone does not tell whose it is: set OS_AUTH_URL, or give --endpoint"
                        .to_owned(),
                )
            });
        }
        Access::Key(_) => cloud.usual_address(region),
    };
    let text = text.ok_or_else(|| {
        UsageError(format!(
            "{} needs a region: give --region or --endpoint, or set HUAWEICLOUD_SDK_REGION or \
             OS_REGION_NAME",
            cloud.name()
        ))
    })?;
    typed(Some(&text))
}

/// The address that was typed, if any was.
pub(crate) fn typed(endpoint: Option<&str>) -> Result<Option<Address>, UsageError> {
    let read = endpoint.map(Address::typed).transpose();
    read.map_err(|error| UsageError(error.to_string()))
}
