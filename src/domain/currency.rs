//! The currencies of ISO 4217 that money is paid in, with the number of digits each has.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An ISO 4217 currency. Only [`Currency::parse`] makes one, so a currency always has known digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Currency(u8);

impl Currency {
    /// Reads a three-letter code in capitals; `None` for a code that is not in the table.
    pub fn parse(code: &str) -> Option<Self> {
        TABLE.binary_search_by(|row| row.0.cmp(code)).ok().and_then(|at| u8::try_from(at).ok()).map(Self)
    }

    /// Every currency, by code.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..TABLE.len()).filter_map(|at| u8::try_from(at).ok().map(Self))
    }

    /// `EUR`.
    pub fn code(self) -> &'static str {
        TABLE[usize::from(self.0)].0
    }

    /// Digits after the decimal point: 0 for JPY, 2 for EUR, 3 for BHD.
    pub fn digits(self) -> u32 {
        TABLE[usize::from(self.0)].1
    }

    /// The English name.
    pub fn name(self) -> &'static str {
        TABLE[usize::from(self.0)].2
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl TryFrom<String> for Currency {
    type Error = String;
    fn try_from(code: String) -> Result<Self, Self::Error> {
        Self::parse(&code).ok_or_else(|| format!("{code:?} is not an ISO 4217 currency"))
    }
}

/// Sorted by code: [`Currency::parse`] searches it by halving.
const TABLE: &[(&str, u32, &str)] = &[
    ("AED", 2, "UAE dirham"),
    ("AFN", 2, "Afghan afghani"),
    ("ALL", 2, "Albanian lek"),
    ("AMD", 2, "Armenian dram"),
    ("AOA", 2, "Angolan kwanza"),
    ("ARS", 2, "Argentine peso"),
    ("AUD", 2, "Australian dollar"),
    ("AWG", 2, "Aruban florin"),
    ("AZN", 2, "Azerbaijani manat"),
    ("BAM", 2, "Bosnia and Herzegovina convertible mark"),
    ("BBD", 2, "Barbados dollar"),
    ("BDT", 2, "Bangladeshi taka"),
    ("BGN", 2, "Bulgarian lev"),
    ("BHD", 3, "Bahraini dinar"),
    ("BIF", 0, "Burundian franc"),
    ("BMD", 2, "Bermudian dollar"),
    ("BND", 2, "Brunei dollar"),
    ("BOB", 2, "Bolivian boliviano"),
    ("BRL", 2, "Brazilian real"),
    ("BSD", 2, "Bahamian dollar"),
    ("BTN", 2, "Bhutanese ngultrum"),
    ("BWP", 2, "Botswana pula"),
    ("BYN", 2, "Belarusian rouble"),
    ("BZD", 2, "Belize dollar"),
    ("CAD", 2, "Canadian dollar"),
    ("CDF", 2, "Congolese franc"),
    ("CHF", 2, "Swiss franc"),
    ("CLP", 0, "Chilean peso"),
    ("CNY", 2, "Chinese yuan"),
    ("COP", 2, "Colombian peso"),
    ("CRC", 2, "Costa Rican colón"),
    ("CUP", 2, "Cuban peso"),
    ("CVE", 2, "Cape Verdean escudo"),
    ("CZK", 2, "Czech koruna"),
    ("DJF", 0, "Djiboutian franc"),
    ("DKK", 2, "Danish krone"),
    ("DOP", 2, "Dominican peso"),
    ("DZD", 2, "Algerian dinar"),
    ("EGP", 2, "Egyptian pound"),
    ("ERN", 2, "Eritrean nakfa"),
    ("ETB", 2, "Ethiopian birr"),
    ("EUR", 2, "Euro"),
    ("FJD", 2, "Fijian dollar"),
    ("FKP", 2, "Falkland Islands pound"),
    ("GBP", 2, "Pound sterling"),
    ("GEL", 2, "Georgian lari"),
    ("GHS", 2, "Ghanaian cedi"),
    ("GIP", 2, "Gibraltar pound"),
    ("GMD", 2, "Gambian dalasi"),
    ("GNF", 0, "Guinean franc"),
    ("GTQ", 2, "Guatemalan quetzal"),
    ("GYD", 2, "Guyanese dollar"),
    ("HKD", 2, "Hong Kong dollar"),
    ("HNL", 2, "Honduran lempira"),
    ("HTG", 2, "Haitian gourde"),
    ("HUF", 2, "Hungarian forint"),
    ("IDR", 2, "Indonesian rupiah"),
    ("ILS", 2, "Israeli new shekel"),
    ("INR", 2, "Indian rupee"),
    ("IQD", 3, "Iraqi dinar"),
    ("IRR", 2, "Iranian rial"),
    ("ISK", 0, "Icelandic króna"),
    ("JMD", 2, "Jamaican dollar"),
    ("JOD", 3, "Jordanian dinar"),
    ("JPY", 0, "Japanese yen"),
    ("KES", 2, "Kenyan shilling"),
    ("KGS", 2, "Kyrgyz som"),
    ("KHR", 2, "Cambodian riel"),
    ("KMF", 0, "Comorian franc"),
    ("KRW", 0, "South Korean won"),
    ("KWD", 3, "Kuwaiti dinar"),
    ("KYD", 2, "Cayman Islands dollar"),
    ("KZT", 2, "Kazakhstani tenge"),
    ("LAK", 2, "Lao kip"),
    ("LBP", 2, "Lebanese pound"),
    ("LKR", 2, "Sri Lankan rupee"),
    ("LRD", 2, "Liberian dollar"),
    ("LSL", 2, "Lesotho loti"),
    ("LYD", 3, "Libyan dinar"),
    ("MAD", 2, "Moroccan dirham"),
    ("MDL", 2, "Moldovan leu"),
    ("MGA", 2, "Malagasy ariary"),
    ("MKD", 2, "Macedonian denar"),
    ("MMK", 2, "Myanmar kyat"),
    ("MNT", 2, "Mongolian tögrög"),
    ("MOP", 2, "Macanese pataca"),
    ("MRU", 2, "Mauritanian ouguiya"),
    ("MUR", 2, "Mauritian rupee"),
    ("MVR", 2, "Maldivian rufiyaa"),
    ("MWK", 2, "Malawian kwacha"),
    ("MXN", 2, "Mexican peso"),
    ("MYR", 2, "Malaysian ringgit"),
    ("MZN", 2, "Mozambican metical"),
    ("NAD", 2, "Namibian dollar"),
    ("NGN", 2, "Nigerian naira"),
    ("NIO", 2, "Nicaraguan córdoba"),
    ("NOK", 2, "Norwegian krone"),
    ("NPR", 2, "Nepalese rupee"),
    ("NZD", 2, "New Zealand dollar"),
    ("OMR", 3, "Omani rial"),
    ("PAB", 2, "Panamanian balboa"),
    ("PEN", 2, "Peruvian sol"),
    ("PGK", 2, "Papua New Guinean kina"),
    ("PHP", 2, "Philippine peso"),
    ("PKR", 2, "Pakistani rupee"),
    ("PLN", 2, "Polish złoty"),
    ("PYG", 0, "Paraguayan guaraní"),
    ("QAR", 2, "Qatari riyal"),
    ("RON", 2, "Romanian leu"),
    ("RSD", 2, "Serbian dinar"),
    ("RUB", 2, "Russian rouble"),
    ("RWF", 0, "Rwandan franc"),
    ("SAR", 2, "Saudi riyal"),
    ("SBD", 2, "Solomon Islands dollar"),
    ("SCR", 2, "Seychelles rupee"),
    ("SDG", 2, "Sudanese pound"),
    ("SEK", 2, "Swedish krona"),
    ("SGD", 2, "Singapore dollar"),
    ("SHP", 2, "Saint Helena pound"),
    ("SLE", 2, "Sierra Leonean leone"),
    ("SOS", 2, "Somali shilling"),
    ("SRD", 2, "Surinamese dollar"),
    ("SSP", 2, "South Sudanese pound"),
    ("STN", 2, "São Tomé and Príncipe dobra"),
    ("SYP", 2, "Syrian pound"),
    ("SZL", 2, "Swazi lilangeni"),
    ("THB", 2, "Thai baht"),
    ("TJS", 2, "Tajikistani somoni"),
    ("TMT", 2, "Turkmenistani manat"),
    ("TND", 3, "Tunisian dinar"),
    ("TOP", 2, "Tongan paʻanga"),
    ("TRY", 2, "Turkish lira"),
    ("TTD", 2, "Trinidad and Tobago dollar"),
    ("TWD", 2, "New Taiwan dollar"),
    ("TZS", 2, "Tanzanian shilling"),
    ("UAH", 2, "Ukrainian hryvnia"),
    ("UGX", 0, "Ugandan shilling"),
    ("USD", 2, "US dollar"),
    ("UYU", 2, "Uruguayan peso"),
    ("UZS", 2, "Uzbekistani sum"),
    ("VES", 2, "Venezuelan bolívar"),
    ("VND", 0, "Vietnamese đồng"),
    ("VUV", 0, "Vanuatu vatu"),
    ("WST", 2, "Samoan tālā"),
    ("XAF", 0, "Central African CFA franc"),
    ("XCD", 2, "East Caribbean dollar"),
    ("XOF", 0, "West African CFA franc"),
    ("XPF", 0, "CFP franc"),
    ("YER", 2, "Yemeni rial"),
    ("ZAR", 2, "South African rand"),
    ("ZMW", 2, "Zambian kwacha"),
];
