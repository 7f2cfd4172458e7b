//! Each source with the files and variables as their own tools write them, in a folder of its own.

mod application;
mod sdk_files;

use super::*;
use longrun_server::clouds::{Login, Session};
use serde_json::json;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A home with these files, and these variables.
struct Home {
    folder: TempDir,
    variables: Vec<(&'static str, &'static str)>,
}

impl Home {
    fn new(variables: &[(&'static str, &'static str)], files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self {
            folder,
            variables: variables.to_vec(),
        }
    }

    fn find(&self, vendor: Vendor, profile: Option<&str>) -> Result<Found, UsageError> {
        let environment = |name: &str| {
            let found = self.variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let places = Places {
            environment: &environment,
            home: Some(self.folder.path().to_owned()),
            folder: self.folder.path().join("work"),
            system: self.folder.path().join("etc"),
            profile,
        };
        find(vendor, &places)
    }

    fn error(&self, vendor: Vendor, profile: Option<&str>) -> String {
        self.find(vendor, profile).unwrap_err().to_string()
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The id, the secret, the token, the region and the project of what was found.
fn parts(found: &Found) -> [Option<&str>; 5] {
    let (id, secret, token) = match &found.access {
        Access::Key(key) => (
            Some(&*key.id),
            Some(key.secret.reveal()),
            key.session_token.as_ref().map(Secret::reveal),
        ),
        Access::Token { token, auth_url } => (auth_url.as_deref(), None, Some(token.reveal())),
        Access::Login(login) => (Some(&*login.auth_url), None, None),
    };
    [
        id,
        secret,
        token,
        found.region.as_deref(),
        found.project.as_deref(),
    ]
}

const TENCENT: [(&str, &str); 2] = [
    ("TENCENTCLOUD_SECRET_ID", "env-id"),
    ("TENCENTCLOUD_SECRET_KEY", "env-key"),
];
const TCCLI: [(&str, &str); 4] = [
    (
        ".tccli/default.credential",
        "{\n    \"secretId\": \"file-id\",\n    \"secretKey\": \"file-key\"\n}",
    ),
    (
        ".tccli/default.configure",
        r#"{"_sys_param":{"arrayCount":10,"output":"json","region":"ap-guangzhou","warning":"off"},"cvm":{"endpoint":"cvm.tencentcloudapi.com","version":"2017-03-12"}}"#,
    ),
    (
        ".tccli/prod.credential",
        r#"{"secretId":"prod-id","secretKey":"prod-key","token":"prod-token"}"#,
    ),
    (
        ".tccli/empty.credential",
        r#"{"secretId":"","secretKey":""}"#,
    ),
];

#[test]
fn tencent() {
    for (variables, profile, expected, source) in [
        (
            &TENCENT[..],
            None,
            [Some("env-id"), Some("env-key"), None, None, None],
            "TENCENTCLOUD_SECRET_ID",
        ),
        (
            &[
                TENCENT[0],
                TENCENT[1],
                ("TENCENTCLOUD_TOKEN", "t"),
                ("TENCENTCLOUD_REGION", "r"),
            ],
            None,
            [Some("env-id"), Some("env-key"), Some("t"), Some("r"), None],
            "TENCENTCLOUD_SECRET_ID",
        ),
        (
            &[],
            None,
            [
                Some("file-id"),
                Some("file-key"),
                None,
                Some("ap-guangzhou"),
                None,
            ],
            "default.credential",
        ),
        (
            &[("TCCLI_PROFILE", "prod"), ("TENCENTCLOUD_REGION", "r")],
            None,
            [
                Some("prod-id"),
                Some("prod-key"),
                Some("prod-token"),
                Some("r"),
                None,
            ],
            "prod.credential",
        ),
        // What was typed wins over the environment.
        (
            &TENCENT,
            Some("prod"),
            [
                Some("prod-id"),
                Some("prod-key"),
                Some("prod-token"),
                None,
                None,
            ],
            "prod.credential",
        ),
    ] {
        let found = Home::new(variables, &TCCLI)
            .find(Vendor::Tencent, profile)
            .unwrap();
        assert_eq!(parts(&found), expected, "{variables:?} {profile:?}");
        assert!(found.source.contains(source), "{}", found.source);
    }
}

#[test]
fn tencent_has_nothing() {
    let home = Home::new(&[], &[]);
    let error = home.error(Vendor::Tencent, None);
    let path = home.path().join(".tccli/default.credential");
    for place in [
        "TENCENTCLOUD_SECRET_ID",
        "TENCENTCLOUD_SECRET_KEY",
        path.to_str().unwrap(),
    ] {
        assert!(error.contains(place), "{place}: {error}");
    }
    for (variables, files, profile, words) in [
        (
            &TENCENT[..1],
            &[][..],
            None,
            "TENCENTCLOUD_SECRET_KEY is not",
        ),
        (&TENCENT[1..], &[], None, "TENCENTCLOUD_SECRET_ID is not"),
        (&[], &TCCLI, Some("empty"), "has no secretId"),
        (&[], &TCCLI, Some("none"), "profile `none`"),
        (
            &[],
            &[(".tccli/default.credential", "secretId: x")],
            None,
            "not what it should be",
        ),
    ] {
        let error = Home::new(variables, files).error(Vendor::Tencent, profile);
        assert!(error.contains(words), "{error}");
        assert!(!error.contains("env-key"), "{error}");
    }
}

const ALIBABA: [(&str, &str); 2] = [
    ("ALIBABA_CLOUD_ACCESS_KEY_ID", "env-id"),
    ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "env-key"),
];
const ALIYUN: (&str, &str) = (
    ".aliyun/config.json",
    r#"{"current":"default","profiles":[
        {"name":"default","mode":"AK","access_key_id":"file-id","access_key_secret":"file-key","sts_token":"","ram_role_name":"","region_id":"cn-hangzhou","output_format":"json","language":"zh"},
        {"name":"sts","mode":"StsToken","access_key_id":"STS.id","access_key_secret":"sts-key","sts_token":"sts-token","region_id":"cn-beijing"},
        {"name":"half","mode":"AK","access_key_id":"","access_key_secret":""},
        {"name":"role","mode":"EcsRamRole","ram_role_name":"r"}],"meta_path":""}"#,
);

#[test]
fn alibaba() {
    for (variables, profile, expected) in [
        (
            &ALIBABA[..],
            None,
            [Some("env-id"), Some("env-key"), None, None, None],
        ),
        (
            &[
                ALIBABA[0],
                ALIBABA[1],
                ("ALIBABA_CLOUD_SECURITY_TOKEN", "t"),
                ("ALIBABA_CLOUD_REGION_ID", "r"),
            ],
            None,
            [Some("env-id"), Some("env-key"), Some("t"), Some("r"), None],
        ),
        (
            &[],
            None,
            [
                Some("file-id"),
                Some("file-key"),
                None,
                Some("cn-hangzhou"),
                None,
            ],
        ),
        (
            &[("ALIBABA_CLOUD_PROFILE", "sts")],
            None,
            [
                Some("STS.id"),
                Some("sts-key"),
                Some("sts-token"),
                Some("cn-beijing"),
                None,
            ],
        ),
        (
            &ALIBABA,
            Some("sts"),
            [
                Some("STS.id"),
                Some("sts-key"),
                Some("sts-token"),
                Some("cn-beijing"),
                None,
            ],
        ),
    ] {
        let found = Home::new(variables, &[ALIYUN])
            .find(Vendor::Alibaba, profile)
            .unwrap();
        assert_eq!(parts(&found), expected, "{variables:?} {profile:?}");
    }
}

#[test]
fn alibaba_has_nothing() {
    for (variables, files, profile, words) in [
        (&[][..], &[][..], None, "ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
        (&[], &[], None, ".aliyun/config.json"),
        (
            &ALIBABA[..1],
            &[],
            None,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET is not",
        ),
        (&[], &[ALIYUN], Some("none"), "no profile `none`"),
        (&[], &[ALIYUN], Some("half"), "no whole access key"),
        (&[], &[ALIYUN], Some("role"), "EcsRamRole"),
        (
            &[],
            &[(".aliyun/config.json", r#"{"profiles":7}"#)],
            None,
            "not what it should be",
        ),
    ] {
        let error = Home::new(variables, files).error(Vendor::Alibaba, profile);
        assert!(error.contains(words), "{words}: {error}");
    }
}

const CLOUDS: (&str, &str) = (
    ".config/openstack/clouds.yaml",
    "# the clouds of our team
clouds:
  otc:
    profile: otc
    auth:
      auth_url: https://iam.eu-de.otc.t-systems.com/v3
      username: someone
      password: 'file: password'
      user_domain_name: OTC-EU-DE-000000000010000
      project_name: eu-de_team
    region_name: eu-de
    interface: public
    identity_api_version: 3
  token:
    auth_type: v3token
    auth: {auth_url: 'http://127.0.0.1:5000', token: file-token, project_id: p1}
  vault:
    auth: &base
      auth_url: https://iam.example/v3
      user_id: u1
      project_id: p2
    regions: [{name: r1}]
  again:
    auth:
      <<: *base
  certificate:
    auth_type: v3oidcpassword
    auth: *base
  nowhere:
    auth: {username: u, password: p}
",
);
const SECURE: (&str, &str) = (
    ".config/openstack/secure.yaml",
    "clouds:\n  vault:\n    auth:\n      password: secure-password\n",
);

/// What is found with these variables in a home that has the files above. No secret of any source is ever shown.
fn check_huawei(
    variables: &[(&'static str, &'static str)],
    profile: Option<&str>,
    expected: [Option<&str>; 5],
) {
    let home = Home::new(variables, &[CLOUDS, SECURE]);
    let found = home.find(Vendor::Huawei, profile).unwrap();
    assert_eq!(parts(&found), expected, "{variables:?} {profile:?}");
    for secret in [
        "env-sk",
        "env-password",
        "env-token",
        "file: password",
        "file-token",
        "secure-password",
    ] {
        assert!(!format!("{found:?}").contains(secret), "{found:?}");
    }
}

const HUAWEI: [(&str, &str); 2] = [
    ("HUAWEICLOUD_SDK_AK", "env-ak"),
    ("HUAWEICLOUD_SDK_SK", "env-sk"),
];
const TOKEN: [(&str, &str); 2] = [
    ("OS_TOKEN", "env-token"),
    ("OS_AUTH_URL", "https://iam.example/v3"),
];

#[test]
fn huawei_in_variables() {
    let more = [
        ("HUAWEICLOUD_SDK_SECURITY_TOKEN", "t"),
        ("HUAWEICLOUD_SDK_PROJECT_ID", "p"),
        ("HUAWEICLOUD_SDK_REGION", "cn-north-4"),
    ];
    let password = [
        ("OS_AUTH_URL", "https://iam.example/v3"),
        ("OS_USERNAME", "someone"),
        ("OS_PASSWORD", "env-password"),
        ("OS_USER_DOMAIN_NAME", "ours"),
        ("OS_REGION_NAME", "eu-de"),
        ("OS_PROJECT_ID", "p0"),
    ];
    for (variables, expected) in [
        (
            HUAWEI.to_vec(),
            [Some("env-ak"), Some("env-sk"), None, None, None],
        ),
        (
            [&HUAWEI[..], &more].concat(),
            [
                Some("env-ak"),
                Some("env-sk"),
                Some("t"),
                Some("cn-north-4"),
                Some("p"),
            ],
        ),
        (
            password.to_vec(),
            [
                Some("https://iam.example/v3"),
                None,
                None,
                Some("eu-de"),
                Some("p0"),
            ],
        ),
        (
            TOKEN.to_vec(),
            [
                Some("https://iam.example/v3"),
                None,
                Some("env-token"),
                None,
                None,
            ],
        ),
    ] {
        check_huawei(&variables, None, expected);
    }
}

#[test]
fn huawei_in_files() {
    for (variables, profile, expected) in [
        // A cloud that is named in the environment is meant, whatever stands beside it.
        (
            [&TOKEN[..], &[("OS_CLOUD", "token")]].concat(),
            None,
            [
                Some("http://127.0.0.1:5000"),
                None,
                Some("file-token"),
                None,
                Some("p1"),
            ],
        ),
        // What was typed wins over the environment.
        (
            HUAWEI.to_vec(),
            Some("otc"),
            [
                Some("https://iam.eu-de.otc.t-systems.com/v3"),
                None,
                None,
                Some("eu-de"),
                None,
            ],
        ),
        (
            vec![],
            Some("vault"),
            [Some("https://iam.example/v3"), None, None, None, Some("p2")],
        ),
    ] {
        check_huawei(&variables, profile, expected);
    }
}

#[test]
fn huawei_has_nothing() {
    let broken = "clouds:\n  a:\n    auth:\n      password: [hidden-password\n";
    for (variables, files, profile, words) in [
        (&[][..], &[][..], None, "HUAWEICLOUD_SDK_AK"),
        (&[], &[], None, "OS_TOKEN"),
        (&[], &[], None, "OS_PASSWORD"),
        (&[], &[], None, "work/clouds.yaml"),
        (&[], &[], None, ".config/openstack/clouds.yaml"),
        (&[], &[], None, "etc/openstack/clouds.yaml"),
        (
            &[("OS_CLIENT_CONFIG_FILE", "/nowhere/c.yaml")],
            &[],
            None,
            "/nowhere/c.yaml",
        ),
        (
            &[("HUAWEICLOUD_SDK_AK", "a")],
            &[],
            None,
            "HUAWEICLOUD_SDK_SK is not",
        ),
        (&[], &[CLOUDS], None, "name one with --profile or OS_CLOUD"),
        (&[], &[CLOUDS], Some("none"), "no cloud `none`"),
        (&[], &[CLOUDS], Some("vault"), "no password"),
        (&[], &[CLOUDS], Some("again"), "no password"),
        (&[], &[CLOUDS], Some("certificate"), "v3oidcpassword"),
        (&[], &[CLOUDS], Some("nowhere"), "no auth_url"),
        (
            &[],
            &[("work/clouds.yaml", broken)],
            None,
            "not what it should be",
        ),
    ] {
        let error = Home::new(variables, files).error(Vendor::Huawei, profile);
        assert!(error.contains(words), "{words}: {error}");
        assert!(!error.contains("hidden-password"), "{error}");
    }
}

#[test]
fn the_only_cloud_and_the_file_in_the_folder_are_taken() {
    let file = "clouds:\n  one:\n    auth: {auth_url: http://here, username: u, password: p}\n";
    let home = Home::new(&[], &[("work/clouds.yaml", file), CLOUDS]);
    let found = home.find(Vendor::Huawei, None).unwrap();
    assert!(found.source.contains("cloud `one`"), "{}", found.source);
}

fn login(variables: &[(&'static str, &'static str)]) -> Login {
    let home = Home::new(variables, &[]);
    match home.find(Vendor::Huawei, None).unwrap().access {
        Access::Login(login) => *login,
        other @ (Access::Key(_) | Access::Token { .. }) => panic!("{other:?}"),
    }
}

#[test]
fn a_password_is_sent_as_the_identity_service_wants_it() {
    let base = [
        ("OS_AUTH_URL", "https://iam.example/v3/"),
        ("OS_PASSWORD", "pw"),
    ];
    for (more, user, scope) in [
        (
            &[
                ("OS_USERNAME", "u"),
                ("OS_DOMAIN_NAME", "d"),
                ("OS_PROJECT_NAME", "eu-de"),
            ][..],
            json!({ "name": "u", "domain": { "name": "d" }, "password": "pw" }),
            json!({ "project": { "name": "eu-de" } }),
        ),
        (
            &[
                ("OS_USER_ID", "1"),
                ("OS_USER_DOMAIN_ID", "d"),
                ("OS_PROJECT_ID", "p"),
            ],
            json!({ "id": "1", "password": "pw" }),
            json!({ "project": { "id": "p" } }),
        ),
        (
            &[
                ("OS_USERNAME", "u"),
                ("OS_REGION_NAME", "r"),
                ("OS_PROJECT_DOMAIN_ID", "d"),
            ],
            json!({ "name": "u", "password": "pw" }),
            json!({ "project": { "name": "r", "domain": { "id": "d" } } }),
        ),
    ] {
        let login = login(&[&base[..], more].concat());
        assert_eq!(login.url(), "https://iam.example/v3/auth/tokens");
        let expected = json!({ "auth": {
            "identity": { "methods": ["password"], "password": { "user": user } },
            "scope": scope,
        } });
        assert_eq!(login.body(), expected);
    }
}

#[test]
fn a_catalog_tells_where_services_are() {
    let endpoint =
        |interface, region, url| json!({ "interface": interface, "region": region, "url": url });
    let body = json!({ "token": { "project": { "id": "p" }, "catalog": [
        { "type": "elb", "endpoints": [endpoint("public", "eu-de", "https://v3")] },
        { "type": "elbv1", "endpoints": [
            endpoint("admin", "eu-de", "https://inside"),
            endpoint("public", "eu-nl", "https://nl"),
            endpoint("public", "eu-de", "https://de/v1.0/p"),
        ] },
        { "type": "broken", "endpoints": "none" },
    ] } });
    let session = Session::read(Secret::new("t"), &body);
    assert_eq!(session.project.as_deref(), Some("p"));
    for (names, region, expected) in [
        (
            &["elbv1", "elb"][..],
            Some("eu-de"),
            Some("https://de/v1.0/p"),
        ),
        (&["elbv1", "elb"], None, Some("https://nl")),
        (&["elb"], Some("eu-de"), Some("https://v3")),
        (&["elb"], Some("elsewhere"), None),
        (&["broken", "evs"], None, None),
    ] {
        assert_eq!(
            session.address_of(names, region),
            expected,
            "{names:?} {region:?}"
        );
    }
    assert_eq!(Session::read(Secret::new("t"), &json!(null)).project, None);
}
