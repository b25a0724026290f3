//! Functions: what SQL can ask about addresses and domains; registered here for the embedded engine and every executor
//!
//! - `ip_in(ip, network)`: whether the address lies in the network (`'192.0.2.0/24'`).
//! - `ip_network(ip, v4_length, v6_length)`: the network that the address lies in, as text.
//! - `reverse_ip(ip)`: the name that its PTR record has.
//!
//! All take text, and give null for what is no address or no network. Those that ask about domains are in [`domains`].

use std::net::IpAddr;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::SessionContext;
use ipnet::IpNet;

mod domains;

/// Functions that make much of little, outside of the memory pool's sight. Nobody needs them to ask about mail.
const UNBOUNDED: [&str; 12] = [
    "repeat",
    "lpad",
    "rpad",
    "space",
    "array_repeat",
    "list_repeat",
    "array_resize",
    "list_resize",
    "generate_series",
    "range",
    "gen_series",
    "translate",
];

/// Gives a context our functions, and takes away those that could make too much.
pub fn set(context: &SessionContext) {
    UNBOUNDED.into_iter().for_each(|name| context.deregister_udf(name));
    all().into_iter().for_each(|function| context.register_udf(function));
}

/// Returns our functions.
pub fn all() -> Vec<ScalarUDF> {
    let text = DataType::Utf8;
    let mut all = domains::all();
    all.extend([
        function("ip_in", vec![text.clone(), text.clone()], DataType::Boolean, ip_in),
        function("ip_network", vec![text.clone(), DataType::Int64, DataType::Int64], text.clone(), ip_network),
        function("reverse_ip", vec![text.clone()], text, reverse_ip),
    ]);
    all
}

/// Returns a function of rows as SQL knows it.
fn function(name: &str, takes: Vec<DataType>, gives: DataType, rows: fn(&[ArrayRef]) -> ArrayRef) -> ScalarUDF {
    let body = move |args: &[ColumnarValue]| -> Result<ColumnarValue> {
        let constant = args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let result = rows(&ColumnarValue::values_to_arrays(args)?);
        if constant {
            return Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    };
    create_udf(name, takes, gives, Volatility::Immutable, Arc::new(body))
}

/// `ip_in(ip, network)`.
fn ip_in(args: &[ArrayRef]) -> ArrayRef {
    let (ips, networks) = (args[0].as_string::<i32>(), args[1].as_string::<i32>());
    // The network is nearly always the same in every row.
    let mut last: Option<(&str, Option<IpNet>)> = None;
    let rows = ips.iter().zip(networks).map(|(ip, network)| {
        let network = network?;
        let parsed = match last {
            Some((text, parsed)) if text == network => parsed,
            _ => last.insert((network, read_network(network))).1,
        };
        Some(parsed?.contains(&address(ip?)?))
    });
    Arc::new(rows.collect::<BooleanArray>())
}

/// `ip_network(ip, v4_length, v6_length)`.
fn ip_network(args: &[ArrayRef]) -> ArrayRef {
    let (ips, v4, v6) =
        (args[0].as_string::<i32>(), args[1].as_primitive::<Int64Type>(), args[2].as_primitive::<Int64Type>());
    let rows = (0..ips.len()).map(|at| {
        let ip = ips.is_valid(at).then(|| address(ips.value(at)))??;
        let lengths = if ip.is_ipv4() { v4 } else { v6 };
        let length = lengths.is_valid(at).then(|| u8::try_from(lengths.value(at)).ok())??;
        Some(IpNet::new(ip, length).ok()?.trunc().to_string())
    });
    Arc::new(rows.collect::<StringArray>())
}

/// `reverse_ip(ip)`.
fn reverse_ip(args: &[ArrayRef]) -> ArrayRef {
    let rows = args[0].as_string::<i32>().iter().map(|ip| Some(reversed(address(ip?)?)));
    Arc::new(rows.collect::<StringArray>())
}

/// Reads an address; one of IPv4 that is written as IPv6 is one of IPv4.
fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// Reads a network, or an address as the network of it alone.
fn read_network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| address(text).map(IpNet::from))
}

/// Returns the name of an address in the reverse tree (RFC 1035 §3.5, RFC 3596 §2.5).
fn reversed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => {
            let nibbles = ip.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns texts as a column.
    fn texts(texts: &[Option<&str>]) -> ArrayRef {
        Arc::new(texts.iter().copied().collect::<StringArray>())
    }

    #[test]
    fn addresses_lie_in_networks() {
        let ips = texts(&[
            Some("192.0.2.7"),
            Some("::ffff:192.0.2.7"),
            Some("2001:db8::1"),
            Some("192.0.2.999"),
            None,
            Some("192.0.2.7"),
        ]);
        let networks = texts(&[
            Some("192.0.2.0/24"),
            Some("192.0.2.0/24"),
            Some("2001:db8::/32"),
            Some("0.0.0.0/0"),
            Some("::/0"),
            Some("x"),
        ]);
        let rows = ip_in(&[ips, networks]);
        let rows: Vec<_> = rows.as_boolean().iter().collect();
        assert_eq!(rows, [Some(true), Some(true), Some(true), None, None, None]);
    }

    #[test]
    fn addresses_are_reversed() {
        let rows = reverse_ip(&[texts(&[Some("192.0.2.1"), Some("2001:db8::1"), Some("")])]);
        let six = format!("1.{}8.b.d.0.1.0.0.2.ip6.arpa", "0.".repeat(23));
        let rows: Vec<_> = rows.as_string::<i32>().iter().collect();
        assert_eq!(rows, [Some("1.2.0.192.in-addr.arpa"), Some(&six[..]), None]);
    }
}
