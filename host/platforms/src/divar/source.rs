//! From where Divar calls: addresses, and networks such as `31.214.250.128/27`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

/// An address, or a network of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    network: IpAddr,
    /// Bits that are the same for all.
    length: u32,
}

/// Why a text is no source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadSource {
    /// What should be the address is none.
    #[error("it is no address, and no network such as 31.214.250.128/27")]
    NoAddress,
    /// There are not so many bits.
    #[error("the number behind the slash is none, or larger than the address is long")]
    Length,
    /// The address has bits behind the network's.
    #[error("the address is not the first one of its network")]
    Inside,
}

impl Source {
    /// True if the address is the one, or of the network.
    pub fn covers(&self, address: IpAddr) -> bool {
        // A listener for both families says it of an IPv4 address in the form of IPv6.
        let address = address.to_canonical();
        address.is_ipv4() == self.network.is_ipv4() && above(address, self.length) == above(self.network, self.length)
    }
}

impl FromStr for Source {
    type Err = BadSource;

    fn from_str(text: &str) -> Result<Self, BadSource> {
        let (address, length) = match text.trim().split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text.trim(), None),
        };
        let network: IpAddr = address.parse().map_err(|_| BadSource::NoAddress)?;
        let most = bits(network);
        let digits = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let length = match length {
            None => most,
            Some(length) => Some(length)
                .filter(digits)
                .and_then(|length| length.parse().ok())
                .filter(|length| *length <= most)
                .ok_or(BadSource::Length)?,
        };
        let ones = above(network, length).checked_shl(most - length).unwrap_or_default();
        if above(network, most) != ones {
            return Err(BadSource::Inside);
        }
        Ok(Self { network, length })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.network)?;
        if self.length < bits(self.network) { write!(f, "/{}", self.length) } else { Ok(()) }
    }
}

fn bits(address: IpAddr) -> u32 {
    if address.is_ipv4() { u32::BITS } else { u128::BITS }
}

/// The first `length` bits of an address, as a number.
fn above(address: IpAddr, length: u32) -> u128 {
    let number = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    };
    number.checked_shr(bits(address) - length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(source: &str, address: &str) -> bool {
        let parsed: Source = source.parse().unwrap();
        assert_eq!(parsed.to_string(), source);
        parsed.covers(address.parse().unwrap())
    }

    #[test]
    fn the_published_sources_cover_their_addresses_and_no_others() {
        for (source, inside, outside) in [
            ("78.111.6.41", "78.111.6.41", "78.111.6.42"),
            ("31.214.250.128/27", "31.214.250.128", "31.214.250.127"),
            ("31.214.250.128/27", "31.214.250.159", "31.214.250.160"),
            ("31.214.250.128/27", "::ffff:31.214.250.130", "::ffff:31.214.250.1"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "2001:db8::1", "1.2.3.4"),
            ("::1", "::1", "::"),
        ] {
            assert!(covers(source, inside), "{source} {inside}");
            assert!(!covers(source, outside), "{source} {outside}");
        }
    }

    #[test]
    fn what_is_no_network_says_why() {
        for (text, why) in [
            ("", BadSource::NoAddress),
            ("divar.ir", BadSource::NoAddress),
            ("1.2.3", BadSource::NoAddress),
            ("1.2.3.4/33", BadSource::Length),
            ("1.2.3.4/", BadSource::Length),
            ("1.2.3.4/+8", BadSource::Length),
            ("::/129", BadSource::Length),
            ("31.214.250.130/27", BadSource::Inside),
        ] {
            assert_eq!(text.parse::<Source>(), Err(why), "{text}");
        }
    }
}
