//! A certificate's validity, as clients see it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

/// The period in which a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    begins: SystemTime,
    ends: SystemTime,
}

impl Validity {
    /// The validity of a certificate, unless webpki cannot parse it, such as X.509 version 1.
    ///
    /// webpki has no function for the two times. But it checks them first, so a time before or
    /// after both makes it name one in its error.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let certificate = EndEntityCert::try_from(certificate).ok()?;
        let error_at = |seconds: u64| {
            let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            certificate.verify_for_usage(&[], &[], &[], time, KeyUsage::server_auth(), None, None).err()
        };
        let begins = match error_at(0)? {
            Error::CertNotValidYet { not_before, .. } => not_before.as_secs(),
            // Since 1970 or before.
            _ => 0,
        };
        let Error::CertExpired { not_after, .. } = error_at(u64::MAX)? else { return None };
        let moment = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        Some(Self { begins: moment(begins), ends: moment(not_after.as_secs()) })
    }

    /// The end, for people.
    pub(super) fn until(self) -> String {
        humantime::format_rfc3339_seconds(self.ends).to_string()
    }

    /// What is wrong at a moment: it has expired, or is not yet valid.
    pub(super) fn complaint(self, now: SystemTime) -> Option<String> {
        let begins = humantime::format_rfc3339_seconds(self.begins);
        if now > self.ends {
            Some(format!("expired on {}: clients refuse it", self.until()))
        } else if now < self.begins {
            Some(format!("is not valid before {begins}: clients refuse it until then"))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_is_valid_from_its_first_second_to_its_last() {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2024, 2, 29), date_time_ymd(2031, 1, 1));
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let validity = Validity::of(made.der()).unwrap();
        assert_eq!(validity.until(), "2031-01-01T00:00:00Z");
        let second = Duration::from_secs(1);
        let Validity { begins, ends } = validity;
        assert_eq!((validity.complaint(begins), validity.complaint(ends)), (None, None));
        let early = validity.complaint(begins - second).unwrap();
        assert!(early.starts_with("is not valid before 2024-02-29T00:00:00Z"), "{early}");
        let late = validity.complaint(ends + second).unwrap();
        assert!(late.starts_with("expired on 2031-01-01T00:00:00Z"), "{late}");
    }

    #[test]
    fn an_unreadable_certificate_has_no_validity() {
        assert_eq!(Validity::of(&CertificateDer::from(vec![1, 2, 3])), None);
    }
}
