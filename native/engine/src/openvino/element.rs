//! Element types, ours and OpenVINO's.

use super::ffi::ov_element_type_e as Element;
use crate::datatype::DataType;
use crate::error::{Error, ErrorCode, Result};

/// Ours to OpenVINO's.
pub(super) fn to_element(datatype: DataType) -> Element {
    match datatype {
        DataType::Bool => Element::OV_BOOLEAN,
        DataType::U8 => Element::U8,
        DataType::U16 => Element::U16,
        DataType::U32 => Element::U32,
        DataType::U64 => Element::U64,
        DataType::I8 => Element::I8,
        DataType::I16 => Element::I16,
        DataType::I32 => Element::I32,
        DataType::I64 => Element::I64,
        DataType::F16 => Element::F16,
        DataType::BF16 => Element::BF16,
        DataType::F32 => Element::F32,
        DataType::F64 => Element::F64,
    }
}

/// OpenVINO's number to ours; `None` for a type that the engine does not carry.
///
/// A number, not the enum: a newer library may know types that the enum does not, and a Rust enum with a value
/// outside its list is undefined behaviour.
pub(super) fn from_number(number: u32) -> Option<DataType> {
    DataType::ALL.into_iter().find(|&datatype| to_element(datatype) as u32 == number)
}

/// The error for a port whose type the engine does not carry.
pub(super) fn unsupported(port: &str, number: u32) -> Error {
    Error::new(
        ErrorCode::UnsupportedOperation,
        format!("port {port} has element type {}, which npubridge does not carry", name(number)),
    )
    .suggest("Convert that input or output to one of BOOL, UINT8–UINT64, INT8–INT64, FP16, BF16, FP32, FP64.")
}

/// Like [`from_number`], or the error naming port and type.
pub(super) fn require(port: &str, number: u32) -> Result<DataType> {
    from_number(number).ok_or_else(|| unsupported(port, number))
}

fn name(number: u32) -> String {
    const NAMES: [(Element, &str); 13] = [
        (Element::DYNAMIC, "dynamic"),
        (Element::I4, "i4"),
        (Element::U1, "u1"),
        (Element::U2, "u2"),
        (Element::U3, "u3"),
        (Element::U4, "u4"),
        (Element::U6, "u6"),
        (Element::NF4, "nf4"),
        (Element::F8E4M3, "f8e4m3"),
        (Element::F8E5M3, "f8e5m2"),
        (Element::STRING, "string"),
        (Element::F4E2M1, "f4e2m1"),
        (Element::F8E8M0, "f8e8m0"),
    ];
    NAMES
        .into_iter()
        .find(|&(element, _)| element as u32 == number)
        .map_or_else(|| format!("number {number}"), |(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_the_round_trip() {
        for datatype in DataType::ALL {
            assert_eq!(from_number(to_element(datatype) as u32), Some(datatype));
        }
    }

    #[test]
    fn a_type_we_do_not_carry_is_named_with_its_port() {
        let error = require("tokens", Element::STRING as u32).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnsupportedOperation);
        assert!(
            error.message().contains("tokens") && error.message().contains("string"),
            "{error}"
        );
        assert!(require("x", 99).unwrap_err().message().contains("number 99"));
    }
}
