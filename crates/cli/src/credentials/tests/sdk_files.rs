//! The INI files of the vendors' SDKs, and who comes before whom.

use super::*;

/// A file, under the home, and what stands in it.
type File = (&'static str, &'static str);
/// Variables, files, a profile, what is found (as `check` wants it), and where.
type Case = (
    &'static [(&'static str, &'static str)],
    &'static [File],
    Option<&'static str>,
    [Option<&'static str>; 4],
    &'static str,
);
/// Variables, files, a profile, and what is told.
type Gap = (
    Vendor,
    &'static [(&'static str, &'static str)],
    &'static [File],
    Option<&'static str>,
    &'static str,
);

const TENCENT_OWN: File = (
    ".tencentcloud/credentials",
    "# made by hand\n[default]\nsecret_id = \"own-id\"\nsecret_key=own-key ; not the old one\n\n\
     [prod]\nsecret_id: prod-id\nsecret_key: prod-key\ntoken: prod-token\n",
);
const TENCENT_SHARED: File = (
    "etc/tencentcloud/credentials",
    "[default]\nsecret_id = shared-id\nsecret_key = shared-key\n",
);
const TENCENT_NAMED: File = (
    "named.ini",
    "\u{feff}[default]\nsecret_id = named-id\nsecret_key = named-key\n",
);
const TENCENT_TOOL: File = (
    ".tccli/default.credential",
    r#"{"secretId":"tool-id","secretKey":"tool-key"}"#,
);

const ALIBABA_OWN: File = (
    ".alibabacloud/credentials.ini",
    "[default]\nenable = true\ntype = access_key\naccess_key_id = own-id\naccess_key_secret = own-key # mine\n\
     [temporary]\ntype = sts\naccess_key_id = t-id\naccess_key_secret = t-key\nsecurity_token = t-token\nregion_id = cn-beijing\n\
     [Untyped]\naccess_key_id = u-id\naccess_key_secret = u-key\n\
     [half]\ntype = access_key\naccess_key_id = h-id\n\
     [tokenless]\ntype = sts\naccess_key_id = h-id\naccess_key_secret = hidden\n\
     [role]\ntype = ecs_ram_role\nrole_name = x\n",
);
const ALIBABA_GO: File = (
    ".alibabacloud/credentials",
    "[default]\ntype = access_key\naccess_key_id = go-id\naccess_key_secret = go-key\n",
);
const ALIBABA_NAMED: File = (
    "named.ini",
    "[default]\ntype = access_key\naccess_key_id = named-id\naccess_key_secret = named-key\n",
);
const ALIBABA_TOOL: File = (
    ".aliyun/config.json",
    r#"{"current":"default","profiles":[{"name":"default","mode":"AK","access_key_id":"tool-id","access_key_secret":"tool-key"}]}"#,
);

/// The variable that turns the profiles of the tool off.
const NO_TOOL: (&str, &str) = ("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "TRUE");

const HUAWEI_OWN: File = (
    ".huaweicloud/credentials",
    "[basic]\nak = own-id\nsk = own-key\nproject_id = own-project\niam_endpoint = https://iam.example\n\
     [global]\nak = global-id\nsk = global-key\ndomain_id = d\nsecurity_token = global-token\n\
     [federal]\nidp_id = i\nid_token_file = /t\n",
);
const HUAWEI_NAMED: File = ("named.ini", "[basic]\nak = named-id\nsk = named-key\n");
const HUAWEI_CLOUD: File = (
    "work/clouds.yaml",
    "clouds:\n  ours:\n    auth: {auth_url: http://cloud, username: u, password: p}\n",
);
const HUAWEI_PASSWORD: [(&str, &str); 3] = [
    ("OS_AUTH_URL", "http://env"),
    ("OS_USERNAME", "u"),
    ("OS_PASSWORD", "p"),
];
const HUAWEI_KEY: [(&str, &str); 2] = [
    ("HUAWEICLOUD_SDK_AK", "env-id"),
    ("HUAWEICLOUD_SDK_SK", "env-key"),
];

/// The variable that names a file of this vendor's SDKs, and a home with these files in which it does if one is `named.ini`.
fn home(vendor: Vendor, variables: &[(&'static str, &'static str)], files: &[File]) -> Home {
    let mut home = Home::new(variables, files);
    if files.iter().any(|(path, _)| *path == "named.ini") {
        let name = match vendor {
            Vendor::Tencent => "TENCENTCLOUD_CREDENTIALS_FILE",
            Vendor::Alibaba => "ALIBABA_CLOUD_CREDENTIALS_FILE",
            Vendor::Huawei => "HUAWEICLOUD_SDK_CREDENTIALS_FILE",
        };
        let path = home.path().join("named.ini").display().to_string();
        home.variables.push((name, path.leak()));
    }
    home
}

/// What is found: of the id (or the address of an identity service), the token, the region and the project, and where.
fn check(
    vendor: Vendor,
    variables: &[(&'static str, &'static str)],
    files: &[File],
    profile: Option<&str>,
    expected: [Option<&str>; 4],
    source: &str,
) {
    let found = home(vendor, variables, files).find(vendor, profile);
    let found = found.unwrap_or_else(|error| panic!("{source}: {error}"));
    let [id, secret, token, region, project] = parts(&found);
    assert_eq!([id, token, region, project], expected, "{source}");
    assert!(found.source.contains(source), "{}", found.source);
    if let (Some(id), Some(secret)) = (id, secret) {
        assert_eq!(secret, id.replace("-id", "-key"));
        assert!(!found.source.contains(secret), "{}", found.source);
    }
}

/// A key and nothing beside it.
const fn own(id: &'static str) -> [Option<&'static str>; 4] {
    [Some(id), None, None, None]
}

const TENCENT_CASES: &[Case] = &[
    (
        &[],
        &[TENCENT_OWN, TENCENT_SHARED],
        None,
        own("own-id"),
        "section `default`",
    ),
    (
        &[],
        &[TENCENT_SHARED],
        None,
        own("shared-id"),
        "etc/tencentcloud",
    ),
    // The tool's file comes before that of the SDKs, unless a variable names the latter.
    (
        &[],
        &[TENCENT_OWN, TENCENT_TOOL],
        None,
        own("tool-id"),
        ".tccli",
    ),
    (
        &[("TENCENTCLOUD_REGION", "r")],
        &[TENCENT_OWN, TENCENT_TOOL, TENCENT_NAMED],
        None,
        [Some("named-id"), None, Some("r"), None],
        "named.ini",
    ),
    (
        &TENCENT,
        &[TENCENT_NAMED],
        None,
        own("env-id"),
        "TENCENTCLOUD_SECRET_ID",
    ),
    (
        &TENCENT,
        &[TENCENT_OWN, TENCENT_TOOL],
        Some("prod"),
        [Some("prod-id"), Some("prod-token"), None, None],
        "section `prod`",
    ),
];

#[test]
fn tencent() {
    for (variables, files, profile, expected, source) in TENCENT_CASES {
        check(
            Vendor::Tencent,
            variables,
            files,
            *profile,
            *expected,
            source,
        );
    }
}

const ALIBABA_CASES: &[Case] = &[
    (
        &[],
        &[ALIBABA_OWN, ALIBABA_GO],
        None,
        own("own-id"),
        "credentials.ini",
    ),
    (
        &[],
        &[ALIBABA_GO],
        None,
        own("go-id"),
        ".alibabacloud/credentials",
    ),
    // The SDKs read the tool's profiles first, too.
    (
        &[],
        &[ALIBABA_OWN, ALIBABA_TOOL, ALIBABA_NAMED],
        None,
        own("tool-id"),
        "config.json",
    ),
    (
        &[NO_TOOL],
        &[ALIBABA_OWN, ALIBABA_TOOL],
        None,
        own("own-id"),
        "credentials.ini",
    ),
    (
        &[],
        &[ALIBABA_OWN, ALIBABA_NAMED],
        None,
        own("named-id"),
        "named.ini",
    ),
    (
        &[("ALIBABA_CLOUD_PROFILE", "temporary")],
        &[ALIBABA_OWN, ALIBABA_TOOL],
        None,
        [Some("t-id"), Some("t-token"), Some("cn-beijing"), None],
        "section `temporary`",
    ),
    (
        &ALIBABA,
        &[ALIBABA_OWN, ALIBABA_TOOL],
        Some("Untyped"),
        own("u-id"),
        "section `Untyped`",
    ),
];

#[test]
fn alibaba() {
    for (variables, files, profile, expected, source) in ALIBABA_CASES {
        check(
            Vendor::Alibaba,
            variables,
            files,
            *profile,
            *expected,
            source,
        );
    }
}

const HUAWEI_CASES: &[Case] = &[
    (
        &[],
        &[HUAWEI_OWN, HUAWEI_CLOUD],
        None,
        [Some("own-id"), None, None, Some("own-project")],
        "section `basic`",
    ),
    (
        &[
            ("HUAWEICLOUD_SDK_REGION", "r"),
            ("HUAWEICLOUD_SDK_PROJECT_ID", "env-project"),
        ],
        &[HUAWEI_OWN],
        None,
        [Some("own-id"), None, Some("r"), Some("env-project")],
        ".huaweicloud/credentials",
    ),
    (
        &[("OS_PROJECT_ID", "another-cloud's")],
        &[HUAWEI_OWN],
        None,
        [Some("own-id"), None, None, Some("own-project")],
        "section `basic`",
    ),
    (
        &[],
        &[HUAWEI_OWN, HUAWEI_NAMED],
        None,
        [Some("named-id"), None, None, None],
        "named.ini",
    ),
    (
        &HUAWEI_KEY,
        &[HUAWEI_NAMED],
        None,
        [Some("env-id"), None, None, None],
        "HUAWEICLOUD_SDK_AK",
    ),
    (
        &HUAWEI_PASSWORD,
        &[HUAWEI_OWN],
        None,
        [Some("http://env"), None, None, None],
        "OS_PASSWORD",
    ),
    (
        &[("OS_CLOUD", "ours")],
        &[HUAWEI_OWN, HUAWEI_CLOUD],
        None,
        [Some("http://cloud"), None, None, None],
        "cloud `ours`",
    ),
    (
        &HUAWEI_KEY,
        &[HUAWEI_OWN, HUAWEI_CLOUD],
        Some("global"),
        [Some("global-id"), Some("global-token"), None, None],
        "section `global`",
    ),
];

#[test]
fn huawei() {
    for (variables, files, profile, expected, source) in HUAWEI_CASES {
        check(
            Vendor::Huawei,
            variables,
            files,
            *profile,
            *expected,
            source,
        );
    }
}

const BROKEN: File = ("named.ini", "[default\nsecret_key = hidden\n");
const INCOMPLETE: File = ("named.ini", "[default]\nsecret_id = x\n");

const GAPS: &[Gap] = &[
    (Vendor::Tencent, &[], &[], None, ".tencentcloud/credentials"),
    (
        Vendor::Tencent,
        &[],
        &[],
        None,
        "etc/tencentcloud/credentials",
    ),
    (
        Vendor::Tencent,
        &[("TENCENTCLOUD_CREDENTIALS_FILE", "/nowhere")],
        &[],
        None,
        "the file /nowhere",
    ),
    (
        Vendor::Tencent,
        &[],
        &[TENCENT_OWN],
        Some("none"),
        "has no section `none`",
    ),
    (
        Vendor::Tencent,
        &[],
        &[INCOMPLETE],
        None,
        "has no secret_id and secret_key",
    ),
    (Vendor::Tencent, &[], &[BROKEN], None, "line 1"),
    (
        Vendor::Alibaba,
        &[],
        &[],
        None,
        ".alibabacloud/credentials.ini",
    ),
    (
        Vendor::Alibaba,
        &[NO_TOOL],
        &[ALIBABA_TOOL],
        None,
        "as ALIBABA_CLOUD_CLI_PROFILE_DISABLED says",
    ),
    (
        Vendor::Alibaba,
        &[],
        &[ALIBABA_OWN],
        Some("role"),
        "the type ecs_ram_role",
    ),
    (
        Vendor::Alibaba,
        &[],
        &[ALIBABA_OWN],
        Some("half"),
        "no whole access key",
    ),
    (
        Vendor::Alibaba,
        &[],
        &[ALIBABA_OWN],
        Some("tokenless"),
        "has no security_token",
    ),
    (Vendor::Huawei, &[], &[], None, ".huaweicloud/credentials"),
    (
        Vendor::Huawei,
        &[("HUAWEICLOUD_SDK_CREDENTIALS_FILE", "/nowhere")],
        &[],
        None,
        "the file /nowhere",
    ),
    (
        Vendor::Huawei,
        &[],
        &[HUAWEI_OWN],
        Some("federal"),
        "has an idp_id",
    ),
];

#[test]
fn what_is_not_there_or_not_whole_is_told() {
    for (vendor, variables, files, profile, words) in GAPS {
        let error = home(*vendor, variables, files).error(*vendor, *profile);
        assert!(error.contains(words), "{words}: {error}");
        assert!(!error.contains("hidden"), "{error}");
    }
}
