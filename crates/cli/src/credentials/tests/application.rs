//! Application credentials of OpenStack: a program's own, good for one project.

use super::*;

const ID: [(&str, &str); 3] = [
    ("OS_AUTH_URL", "https://iam.example/v3"),
    ("OS_APPLICATION_CREDENTIAL_ID", "i"),
    ("OS_APPLICATION_CREDENTIAL_SECRET", "s"),
];
const TYPE: (&str, &str) = ("OS_AUTH_TYPE", "v3applicationcredential");

fn body(shown: &serde_json::Value) -> serde_json::Value {
    json!({ "auth": { "identity": {
        "methods": ["application_credential"],
        "application_credential": shown,
    } } })
}

#[test]
fn it_is_sent_as_the_identity_service_wants_it() {
    let password = [("OS_PASSWORD", "p"), ("OS_USERNAME", "u")];
    for (variables, expected) in [
        (ID.to_vec(), json!({ "id": "i", "secret": "s" })),
        // It wins over a password, and whoever says so wants it in any case.
        (
            [&ID[..], &password].concat(),
            json!({ "id": "i", "secret": "s" }),
        ),
        (
            [&ID[..], &[TYPE, ("OS_TOKEN", "t")]].concat(),
            json!({ "id": "i", "secret": "s" }),
        ),
        (
            vec![
                ID[0],
                ID[2],
                ("OS_APPLICATION_CREDENTIAL_NAME", "n"),
                ("OS_USERNAME", "u"),
                ("OS_USER_DOMAIN_NAME", "d"),
            ],
            json!({ "name": "n", "secret": "s", "user": { "name": "u", "domain": { "name": "d" } } }),
        ),
    ] {
        assert_eq!(login(&variables).body(), body(&expected), "{variables:?}");
    }
    // Another way in was wanted.
    let login = login(&[&ID[..], &password, &[("OS_AUTH_TYPE", "v3password")]].concat());
    assert_eq!(login.body()["auth"]["identity"]["methods"][0], "password");
}

#[test]
fn it_stands_in_files_of_clouds() {
    let clouds = "clouds:\n\
         \x20 whole:\n    auth_type: v3applicationcredential\n    auth: {auth_url: http://h, application_credential_id: i, application_credential_secret: hidden}\n\
         \x20 told:\n    auth: {auth_url: http://h, application_credential_id: i}\n\
         \x20 half:\n    auth_type: v3applicationcredential\n    auth: {auth_url: http://h, application_credential_id: i}\n";
    let secure = "clouds:\n  told:\n    auth: {application_credential_secret: hidden}\n";
    let files = [("work/clouds.yaml", clouds), ("work/secure.yaml", secure)];
    let home = Home::new(&[], &files);
    for profile in ["whole", "told"] {
        let found = home.find(Vendor::Huawei, Some(profile)).unwrap();
        let shown = format!("{found:?}");
        assert!(!shown.contains("hidden"), "{shown}");
        let Access::Login(login) = found.access else {
            panic!("{profile}: {shown}");
        };
        let expected = json!({ "id": "i", "secret": "hidden" });
        assert_eq!(login.body(), body(&expected), "{profile}");
    }
    let error = home.error(Vendor::Huawei, Some("half"));
    assert!(
        error.contains("has no application_credential_secret"),
        "{error}"
    );
}

#[test]
fn what_is_missing_of_it_is_told() {
    for (variables, words) in [
        (&[TYPE][..], "takes OS_AUTH_URL"),
        (&[TYPE, ID[0], ID[1]], "OS_APPLICATION_CREDENTIAL_SECRET"),
        (&[], "OS_APPLICATION_CREDENTIAL_ID"),
    ] {
        let error = Home::new(variables, &[]).error(Vendor::Huawei, None);
        assert!(error.contains(words), "{words}: {error}");
    }
}
