"""What invented people and companies are made of: names, addresses and phone numbers as they are written in many countries.

Only tables live here. A `#` stands for any digit, `{…}` for a part that the generator fills in.
"""

from __future__ import annotations

import attrs

__all__ = ["LOCALES", "PRODUCT_NAMES", "REMARKABLE_NAMES", "Locale", "Town"]


@attrs.frozen
class Town:
    """A town with its postal code and, where its addresses have one, the region (ISO 3166-2) and how people write it."""

    name: str
    zip: str
    region: str | None = None
    region_written: tuple[str, ...] = ()


@attrs.frozen
class Locale:
    """One country.

    Attributes:
        share: how many of a hundred people live there.
        written: how people write the country, beside its codes.
        trunk: what is dialled before `phone` within the country; `+calling` from abroad.
        phone, mobile: the digits of a number, as they are written there.
        streets: addresses' first lines.
        company: what companies are called.
    """

    country: str
    alpha3: str
    share: int
    written: tuple[str, ...]
    calling: str
    trunk: str
    phone: str
    mobile: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    towns: tuple[Town, ...]
    streets: tuple[str, ...]
    company: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


LOCALES = (
    Locale(
        "US", "USA", 46, ("United States", "United States of America", "U.S.A."), "1", "",
        "{area}-555-####", "({area}) 555 ####",
        _words("James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan Joe "
               "Jessica Thomas Sarah Christopher Karen Latoya Darnell Guadalupe Hector Nguyet Priya"),
        _words("Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez "
               "Wilson Anderson O'Connor Taylor Moore Jackson McDonald Lee Perez Thompson White Harris Nguyen"),
        (
            Town("Phoenix", "850##", "US-AZ", ("AZ", "Arizona", "az")),
            Town("New York", "100##", "US-NY", ("NY", "New York", "US-NY")),
            Town("Austin", "787##-####", "US-TX", ("TX", "Texas")),
            Town("Chicago", "606##", "US-IL", ("IL", "Illinois", "Ill.")),
            Town("Miami", "331##", "US-FL", ("FL", "Florida")),
            Town("San José", "951##", "US-CA", ("CA", "California")),
        ),
        ("{n} Main St", "{n} W Camelback Rd, Suite {m}", "{n} 5th Ave Apt. {m}", "P.O. Box {n}"),
        ("{family} & Sons, Inc.", "{town} Boat Works LLC", "{family} Law, P.C.", "Greater {town} Dental", "{family} Farms"),
    ),
    Locale(
        "GB", "GBR", 8, ("United Kingdom", "UK", "England"), "44", "0", "20 7946 0###", "7700 900###",
        _words("Oliver Amelia George Isla Harry Olivia Rhys Siân Niamh Alasdair"),
        _words("Evans Ap-Rhys MacLeod O'Neill Smythe-Jones Patel Walker Wright Hughes"),
        (Town("London", "SW1A 1AA"), Town("Canterbury", "CT1 2EH", "GB-KEN", ("Kent",)), Town("Llanfairpwll", "LL61 5UJ")),
        ("{n} High Street", "Flat {m}, {n} Queen's Road", "The Old Rectory"),
        ("{family} & Co. Ltd", "{town} Tea Traders Limited", "The {family} Partnership LLP"),
    ),
    Locale(
        "CA", "CAN", 5, ("Canada",), "1", "", "416-555-####", "(514) 555-####",
        _words("Liam Émilie Noah Chloé Zoë Jean-François"),
        _words("Tremblay Gagnon Roy Côté Singh MacKenzie"),
        (Town("Toronto", "M5V 2T6", "CA-ON", ("ON", "Ontario")), Town("Montréal", "H2Y 1C6", "CA-QC", ("QC", "Québec"))),
        ("{n} Yonge St", "{n}, rue Sainte-Catherine Ouest, bureau {m}"),
        ("{family} Outfitters Ltd.", "Les Entreprises {family} inc."),
    ),
    Locale(
        "NO", "NOR", 8, ("Norway", "Norge", "NORWAY"), "47", "", "22 ## ## ##", "4## ## ###",
        _words("Åse Bjørn Øyvind Kåre Ingrid Sølvi Håkon Turid Ærlend Siv"),
        _words("Hansen Ødegård Bjørnstad Sæther Ås Aasen Nygård Kjølberg Strøm"),
        (Town("Oslo", "0###", "NO-03", ("Oslo",)), Town("Tromsø", "9008"), Town("Bergen", "50##", "NO-46", ("Vestland",))),
        ("Storgata {n}", "Nedre Slottsgate {n} B", "c/o Ødegård, Bjørnveien {n}"),
        ("{family} & Sønner AS", "{town} Fisk ASA", "Brødrene {family} ANS"),
    ),
    Locale(
        "SE", "SWE", 3, ("Sweden", "Sverige"), "46", "0", "8-505 ### ##", "70-174 06 ##",
        _words("Åke Göran Malin Örjan Linnéa"), _words("Lindqvist Åström Öberg Sjögren"),
        (Town("Stockholm", "111 ##"), Town("Malmö", "211 ##")),
        ("Drottninggatan {n}", "Östra Förstadsgatan {n}"), ("{family}s Mekaniska AB", "{town} Hamn HB"),
    ),
    Locale(
        "DE", "DEU", 6, ("Germany", "Deutschland"), "49", "0", "30 23125 ###", "1522 343 ####",
        _words("Jürgen Käthe Björn Sören Ulrike Günther Zoë"), _words("Müller Groß Schäfer Weiß Freiherr-von-Öttingen Çelik"),
        (Town("Berlin", "10###", "DE-BE", ("Berlin",)), Town("München", "80###", "DE-BY", ("Bayern", "Bavaria"))),
        ("Straße des 17. Juni {n}", "Große Gasse {n} a", "Postfach {n}"),
        ("{family} Maschinenbau GmbH & Co. KG", "Bäckerei {family} e. K.", "Weiß & {family} AG"),
    ),
    Locale(
        "FR", "FRA", 4, ("France", "FRANCE"), "33", "0", "1 99 00 ## ##", "6 39 98 ## ##",
        _words("Éloïse Benoît Anaïs François Gaël Zoé"), _words("Lefèvre d'Estaing Noël Gagné L'Hôpital"),
        (Town("Paris", "750##"), Town("Saint-Étienne", "42###")),
        ("{n} bis, rue de l'Église", "{n}, allée des Châtaigniers, bâtiment {m}"), ("Société {family} SARL", "Boulangerie {family}"),
    ),
    Locale(
        "ES", "ESP", 3, ("Spain", "España"), "34", "", "910 ## ## ##", "612 ### ###",
        _words("Íñigo Begoña Ángel Nuño"), _words("Muñoz Ibáñez Peña Etxebarria"),
        (Town("Madrid", "280##", "ES-MD", ("Madrid",)), Town("A Coruña", "150##")),
        ("Calle de Alcalá, {n}, {m}º izq.", "Paseo de la Castellana {n}"), ("Hermanos {family} S.L.", "{family} e Hijos, S.A."),
    ),
    Locale(
        "BR", "BRA", 3, ("Brazil", "Brasil"), "55", "0", "11 5555-####", "11 95555-####",
        _words("João Conceição Antônio Fabrício"), _words("Gonçalves Araújo Assunção Magalhães"),
        (Town("São Paulo", "01310-###", "BR-SP", ("SP", "São Paulo")),),
        ("Av. Paulista, {n} – {m}º andar",), ("{family} Comércio Ltda.", "Padaria {family} ME"),
    ),
    Locale(
        "GR", "GRC", 2, ("Greece", "Ελλάδα"), "30", "", "210 000 ####", "690 000 ####",
        _words("Γιώργος Ελένη Κωνσταντίνος Δέσποινα"), _words("Παπαδόπουλος Οικονόμου Χατζηιωάννου"),
        (Town("Αθήνα", "105 ##"),), ("Οδός Ερμού {n}",), ("Αφοί {family} Ο.Ε.", "{family} Α.Ε."),
    ),
    Locale(
        "UA", "UKR", 2, ("Ukraine", "Україна"), "380", "0", "44 000 ####", "50 000 ####",
        _words("Оксана Тарас Ярослав Юлія"), _words("Шевченко Коваленко Їжакевич"),
        (Town("Київ", "01###"),), ("вул. Хрещатик, {n}, кв. {m}",), ("ТОВ «{family}»", "ФОП {family}"),
    ),
    Locale(
        "EG", "EGY", 2, ("Egypt", "مصر"), "20", "0", "2 2000 ####", "100 000 ####",
        _words("محمد فاطمة عمر ليلى"), _words("حسن إبراهيم المصري"),
        (Town("القاهرة", "115##"),), ("شارع التحرير {n}",), ("شركة {family} للتجارة", "مؤسسة {family}"),
    ),
    Locale(
        "IL", "ISR", 1, ("Israel",), "972", "0", "3-555-####", "50-555-####",
        _words("נועה דוד יעל"), _words("כהן לוי"), (Town("תל אביב", "61000##"),), ("רחוב הרצל {n}",), ("{family} בע״מ",),
    ),
    Locale(
        "CN", "CHN", 3, ("China", "中国"), "86", "0", "10 8000 ####", "130 0000 ####",
        _words("伟 秀英 建国 丽"), _words("王 李 张 欧阳"),
        (Town("北京", "1000##", "CN-BJ", ("Beijing Shi",)), Town("上海", "2000##")),
        ("建国门外大街{n}号", "南京东路{n}弄{m}号"), ("{town}{family}贸易有限公司",),
    ),
    Locale(
        "JP", "JPN", 2, ("Japan", "日本"), "81", "0", "3-0000-####", "90-0000-####",
        _words("陽子 大輔 さくら ケンジ"), _words("佐藤 鈴木 髙橋 渡邉"),
        (Town("東京", "100-00##", "JP-13", ("Tokyo",)),), ("千代田区丸の内{n}丁目{m}番",), ("株式会社{family}製作所", "{family}商店"),
    ),
    Locale(
        "KW", "KWT", 1, ("Kuwait",), "965", "", "2200 ####", "5000 ####",
        _words("عبدالله نورة"), _words("الصباح العنزي"), (Town("الكويت", "13###"),), ("شارع الخليج {n}",), ("شركة {family} ذ.م.م",),
    ),
    Locale(
        "IN", "IND", 1, ("India", "Bharat"), "91", "0", "22 5555 ####", "99999 #####",
        _words("अनिल प्रिया Venkatanarasimharajuvaripeta"), _words("शर्मा Iyer"),
        (Town("Mumbai", "4000##", "IN-MH", ("Maharashtra",)),), ("{n}, Mahatma Gandhi Road",), ("{family} Textiles Pvt. Ltd.",),
    ),
)  # fmt: skip

# Names as they are found in every customer file; the first ones are longer than Keap's 40 characters.
REMARKABLE_NAMES = (
    ("Hubert Blaine", "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwaren"),
    ("Pedro de Alcântara Francisco António João Carlos Xavier", "de Bragança e Bourbon"),
    ("María de los Ángeles", "Fernández de la Vega y Álvarez de Toledo de los Cobos"),
    ("The Estate of the Late Honourable Mrs. Margaret", "Featherstonehaugh-Cholmondeley"),
    ("Jose\u0301", "Nu\u0301n\u0303ez"),  # accents as characters of their own
    ("Robert'); DROP TABLE contacts;--", "Tables"),
    ("<b>Bold</b>", 'O"Quote\\Backslash'),
    ("🎸 Rocky", "Müller 🤘"),
    ("  Jane ", " Doe\t"),
    ("ANNE-MARIE", "VAN DEN BERG"),
    ("Teller", None),
    (None, "Χωρίς-Όνομα"),
    ("Null", "Null"),
    ("Test", "Test"),
    ("\u200fעדי\u200f", "بن يوسف"),
)

PRODUCT_NAMES = (
    ("Kayak", "Kajakk 'Fjord'", "カヤック", "Каяк", "Tent, 4-person", "Dry bag", "Compass", "Παγούρι", "Life jacket", "Paddle"),
    ("small", "medium", "large", "XXL", "Ø 40 cm", '24" × 36"', "赤", "bleu nuit", "“Pro”", "2nd edition"),
)  # fmt: skip
