//! The lines that make a shell's SDKs use this server with a key.

use longrun_server::NewKey;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The address that programs on this machine reach the server under.
pub(crate) fn server_url(address: SocketAddr, secure: bool) -> String {
    let scheme = if secure { "https" } else { "http" };
    format!("{scheme}://{}", authority(address))
}

/// The same without the scheme.
pub(crate) fn authority(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    address.to_string()
}

/// The lines, ready for `eval`.
pub(crate) fn lines(server: &str, key: &NewKey) -> Vec<String> {
    let user = key.user.as_ref();
    let project = key.projects.first().map(String::as_str);
    let region = key.project_names.first().map(|(_, name)| name.as_str());
    let auth_url = format!("{server}/v3");
    let host = server.split_once("://").map_or(server, |(_, host)| host);
    let names = [
        ("LONGRUN_SERVER", Some(server)),
        ("LONGRUN_TOKEN", Some(&*key.token)),
        // No cloud's SDK reads its end point from the environment; all take this one as an argument.
        ("LONGRUN_ENDPOINT", Some(host)),
        ("TENCENTCLOUD_SECRET_ID", Some(&*key.id)),
        ("TENCENTCLOUD_SECRET_KEY", Some(&*key.secret)),
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", Some(&*key.id)),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", Some(&*key.secret)),
        ("HUAWEICLOUD_SDK_AK", Some(&*key.id)),
        ("HUAWEICLOUD_SDK_SK", Some(&*key.secret)),
        ("HUAWEICLOUD_SDK_PROJECT_ID", project),
        ("OS_AUTH_URL", Some(&*auth_url)),
        ("OS_IDENTITY_API_VERSION", user.map(|_| "3")),
        ("OS_USERNAME", user.map(|user| &*user.name)),
        ("OS_PASSWORD", user.map(|user| &*user.password)),
        ("OS_USER_DOMAIN_NAME", user.map(|_| &*key.account)),
        // Without a user there is only the key's own token, which the identity service takes too.
        ("OS_TOKEN", user.is_none().then_some(&*key.token)),
        ("OS_PROJECT_ID", project),
        ("OS_REGION_NAME", region),
    ];
    let line =
        |(name, value): (&str, Option<&str>)| Some(format!("export {name}={}", quoted(value?)));
    names.into_iter().filter_map(line).collect()
}

/// The value as a shell takes it for one word.
pub(crate) fn quoted(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/@%+=,".contains(&byte);
    if !value.is_empty() && value.bytes().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_one_word_for_a_shell() {
        for (value, expected) in [
            ("AKID42", "AKID42"),
            ("http://127.0.0.1:8080/v3", "http://127.0.0.1:8080/v3"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's $HOME", r"'it'\''s $HOME'"),
        ] {
            assert_eq!(quoted(value), expected);
        }
    }

    #[test]
    fn a_server_that_listens_everywhere_is_reached_here() {
        for (address, expected) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:80", "http://127.0.0.1:80"),
            ("[::1]:80", "http://[::1]:80"),
        ] {
            assert_eq!(server_url(address.parse().unwrap(), false), expected);
        }
    }
}
