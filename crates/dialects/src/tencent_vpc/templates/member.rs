//! What may stand in a template.

use super::Sort;
use std::net::IpAddr;

/// Whether a member of a template of this sort is written as the cloud writes it. Members of groups are ids, which the
/// state knows.
pub(super) fn is_good(sort: Sort, member: &str) -> bool {
    match sort {
        Sort::Address => is_address(member),
        Sort::Service => is_service(member),
        Sort::AddressGroup | Sort::ServiceGroup => Sort::of(member) == sort.member(),
    }
}

/// `10.0.0.6`, `10.0.0.2/16`, `10.0.0.1-10.0.0.20`.
fn is_address(text: &str) -> bool {
    if let Some((first, last)) = text.split_once('-') {
        return match (first.parse::<IpAddr>(), last.parse::<IpAddr>()) {
            (Ok(first), Ok(last)) => first.is_ipv4() == last.is_ipv4() && first <= last,
            _ => false,
        };
    }
    let (address, prefix) = text.split_once('/').unwrap_or((text, "0"));
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let bits_max = if address.is_ipv4() { 32 } else { 128 };
    number(prefix).is_some_and(|bits| bits <= bits_max)
}

/// `tcp:80`, `tcp:443-446`, `udp:99,97`, `icmp`, `gre`.
fn is_service(text: &str) -> bool {
    let (protocol, ports) = text.split_once(':').unwrap_or((text, ""));
    let has_ports = match protocol.to_ascii_lowercase().as_str() {
        "tcp" | "udp" => true,
        "icmp" | "icmpv6" | "gre" => false,
        _ => return false,
    };
    if !has_ports {
        return ports.is_empty() && !text.contains(':');
    }
    let is_port = |text: &str| number(text).is_some_and(|port| (1..=65_535).contains(&port));
    let is_range = |text: &str| match text.split_once('-') {
        Some((first, last)) => is_port(first) && is_port(last) && number(first) <= number(last),
        None => is_port(text),
    };
    ports.eq_ignore_ascii_case("all") || ports.split(',').all(is_range)
}

fn number(digits: &str) -> Option<u32> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_written_as_the_cloud_writes_them() {
        use Sort::{Address, AddressGroup, Service, ServiceGroup};
        for (sort, member, good) in [
            (Address, "10.0.0.6", true),
            (Address, "10.0.0.2/16", true),
            (Address, "10.0.0.1-10.0.0.20", true),
            (Address, "10.0.0.20-10.0.0.1", false),
            (Address, "10.0.0.1-fe80::1", false),
            (Address, "2001:db8::/32", true),
            (Address, "10.0.0.2/33", false),
            (Address, "10.0.0.2/", false),
            (Address, "10.0.0.256", false),
            (Address, "", false),
            (Address, "tcp:80", false),
            (Service, "tcp:80", true),
            (Service, "tcp:443-446", true),
            (Service, "tcp:99,97", true),
            (Service, "TCP:ALL", true),
            (Service, "udp:53", true),
            (Service, "icmp", true),
            (Service, "icmp:", false),
            (Service, "tcp", false),
            (Service, "tcp:", false),
            (Service, "tcp:0", false),
            (Service, "tcp:65536", false),
            (Service, "tcp:+80", false),
            (Service, "tcp:446-443", false),
            (Service, "sctp:80", false),
            (AddressGroup, "ipm-1", true),
            (AddressGroup, "ipmg-1", false),
            (AddressGroup, "ppm-1", false),
            (ServiceGroup, "ppm-1", true),
            (ServiceGroup, "ipm-1", false),
        ] {
            assert_eq!(is_good(sort, member), good, "{sort:?} {member}");
        }
    }
}
