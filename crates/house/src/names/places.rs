//! Where an address is: the AS that announces it and its country, out of MMDB files that the operator provides

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::{MaxMindDbError, Reader};
use serde::Deserialize;

use crate::config::NamesSection;
use crate::fault::{Fault, shown};

/// The most octets of a file: the largest public ones have a fifth of that.
const LARGEST: u64 = 512 << 20;

/// The files at hand.
#[derive(Default)]
pub(crate) struct Places {
    /// The one that tells the AS.
    systems: Option<Database>,
    /// The one that tells the country.
    countries: Option<Database>,
}

/// A file in memory.
struct Database {
    /// Where it was read.
    path: PathBuf,
    /// What it says.
    reader: Reader<Vec<u8>>,
}

/// An autonomous system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct System {
    /// Its number.
    pub(crate) number: u32,
    /// Who runs it, as the file says.
    pub(crate) organization: String,
}

/// What such files say of an address's AS.
#[derive(Deserialize)]
struct SystemEntry {
    /// Its number.
    autonomous_system_number: Option<u32>,
    /// Who runs it.
    autonomous_system_organization: Option<String>,
}

/// What such files say of an address's country.
#[derive(Deserialize)]
struct CountryEntry {
    /// Where it is used.
    country: Option<Country>,
    /// Where it is registered.
    registered_country: Option<Country>,
}

/// A country.
#[derive(Deserialize)]
struct Country {
    /// Its code of two letters.
    iso_code: Option<String>,
}

impl Places {
    /// Reads the files that the configuration names.
    pub(crate) fn open(section: &NamesSection) -> Result<Places, Fault> {
        let open = |path: &Option<PathBuf>| path.as_deref().map(Database::open).transpose();
        Ok(Places { systems: open(&section.as_database)?, countries: open(&section.country_database)? })
    }

    /// Returns the AS of an address, where the file knows it.
    pub(crate) fn system(&self, address: IpAddr) -> Result<Option<System>, Fault> {
        let Some(database) = &self.systems else { return Ok(None) };
        let entry: Option<SystemEntry> = database.entry(address)?;
        Ok(entry.and_then(|entry| {
            let organization = entry.autonomous_system_organization.unwrap_or_default();
            Some(System { number: entry.autonomous_system_number?, organization })
        }))
    }

    /// Returns the code of an address's country, where the file knows it.
    pub(crate) fn country(&self, address: IpAddr) -> Result<Option<String>, Fault> {
        let Some(database) = &self.countries else { return Ok(None) };
        let entry: Option<CountryEntry> = database.entry(address)?;
        Ok(entry.and_then(|entry| entry.country.or(entry.registered_country)?.iso_code))
    }
}

impl Database {
    /// Reads a file.
    fn open(path: &Path) -> Result<Database, Fault> {
        let octets = read(path).map_err(|why| Fault::io("fault-names-database", path, &why))?;
        let reader = Reader::from_source(octets).map_err(|why| damaged(path, &why))?;
        Ok(Database { path: path.to_owned(), reader })
    }

    /// Returns what it says of an address.
    fn entry<'a, T: Deserialize<'a>>(&'a self, address: IpAddr) -> Result<Option<T>, Fault> {
        let address = address.to_canonical();
        if address.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return Ok(None);
        }
        self.reader.lookup(address).and_then(|found| found.decode()).map_err(|why| damaged(&self.path, &why))
    }
}

/// Reads a file of bounded size.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > LARGEST { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(octets) }
}

/// Says that a file is none of the kind.
fn damaged(path: &Path, why: &MaxMindDbError) -> Fault {
    Fault::new("fault-names-database", [("path", shown(path))]).because(Fault::quote(why.to_string()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Writes a value's head: what it is, and its size. What has a number above 7 says so in an octet of its own, and so
    /// does a size above 28.
    fn head(kind: u8, size: usize) -> Vec<u8> {
        let (short, long) = if size < 29 { (size, None) } else { (29, Some(size - 29)) };
        let octet = |number: usize| u8::try_from(number).unwrap();
        let (first, further) = if kind < 8 { (kind << 5, None) } else { (0, Some(kind - 7)) };
        [first | octet(short)].into_iter().chain(further).chain(long.map(octet)).collect()
    }

    /// Writes a text.
    fn text(text: &str) -> Vec<u8> {
        [head(2, text.len()), text.as_bytes().to_vec()].concat()
    }

    /// Writes a number of 32 bits.
    fn number(number: u32) -> Vec<u8> {
        [head(6, 4), number.to_be_bytes().to_vec()].concat()
    }

    /// Makes a file (MaxMind DB 2.0) in which one network, of a prefix of `bits`, has an entry.
    pub(crate) fn database(network: [u8; 4], bits: usize, entry: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let nodes = u32::try_from(bits).unwrap();
        let mut file = Vec::new();
        for at in 0..nodes {
            let bit = network[usize::try_from(at / 8).unwrap()] >> (7 - at % 8) & 1;
            // Behind the last node stand 16 octets of zero, then the data: its first value is `nodes + 16`.
            let further = if at + 1 == nodes { nodes + 16 } else { at + 1 };
            let records = if bit == 0 { [further, nodes] } else { [nodes, further] };
            records.iter().for_each(|record| file.extend(&record.to_be_bytes()[1..]));
        }
        file.extend([0; 16]);
        file.extend(table(entry));
        file.extend(b"\xab\xcd\xefMaxMind.com");
        file.extend(table(&[
            ("binary_format_major_version", short(2)),
            ("binary_format_minor_version", short(0)),
            ("build_epoch", [head(9, 4), 1_767_225_600_u32.to_be_bytes().to_vec()].concat()),
            ("database_type", text("Test")),
            ("ip_version", short(4)),
            ("languages", head(11, 0)),
            ("description", table(&[])),
            ("node_count", number(nodes)),
            ("record_size", short(24)),
        ]));
        file
    }

    /// Writes a number of 16 bits.
    fn short(number: u16) -> Vec<u8> {
        [head(5, 2), number.to_be_bytes().to_vec()].concat()
    }

    /// Writes a table of names and values.
    fn table(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut octets = head(7, entries.len());
        entries.iter().for_each(|(name, value)| octets.extend([text(name), value.clone()].concat()));
        octets
    }

    /// Makes the two files of a test: 192.0.2.0/24 is AS 64500, in Japan.
    pub(crate) fn databases() -> [Vec<u8>; 2] {
        let system = [
            ("autonomous_system_number", number(64_500)),
            ("autonomous_system_organization", text("Example Networks")),
        ];
        let country = [("country", table(&[("iso_code", text("JP"))]))];
        [&system[..], &country].map(|entry| database([192, 0, 2, 0], 24, entry))
    }

    #[test]
    fn an_address_has_its_as_and_its_country() {
        let folder = tempfile::tempdir().unwrap();
        let [systems, countries] = databases();
        let path = |name: &str, octets: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, octets).unwrap();
            Some(path)
        };
        let section = NamesSection {
            as_database: path("as", &systems),
            country_database: path("country", &countries),
            ..NamesSection::default()
        };
        let places = Places::open(&section).unwrap();
        let system = |address: &str| places.system(address.parse().unwrap()).unwrap();
        let country = |address: &str| places.country(address.parse().unwrap()).unwrap();
        let example = System { number: 64_500, organization: "Example Networks".to_owned() };
        assert_eq!(system("192.0.2.41"), Some(example));
        assert_eq!(country("::ffff:192.0.2.41").as_deref(), Some("JP"));
        for stranger in ["192.0.3.1", "2001:db8::1"] {
            assert_eq!((system(stranger), country(stranger)), (None, None));
        }
        // A file of another kind, one that was cut off, and none.
        for broken in [b"no database".to_vec(), systems[..systems.len() / 2].to_vec()] {
            let section = NamesSection { as_database: path("as", &broken), ..NamesSection::default() };
            assert!(Places::open(&section).is_err());
        }
        let section = NamesSection { as_database: Some(folder.path().join("none")), ..NamesSection::default() };
        assert!(Places::open(&section).is_err());
        assert!(Places::default().system("192.0.2.1".parse().unwrap()).unwrap().is_none());
    }
}
