"""What invented people and companies are made of: names, addresses and phone numbers as many countries write them.

Only tables live here. A `#` stands for any digit, `{…}` for a part that the generator fills in.
"""

from __future__ import annotations

import attrs

__all__ = ["LOCALES", "PRODUCT_NAMES", "REMARKABLE_NAMES", "Locale", "Town"]


@attrs.frozen
class Town:
    """A town, its postal codes, and the region (ISO 3166-2) where addresses have one, with how people write it."""

    name: str
    zip: str
    region: str | None = None
    region_written: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Locale:
    """One country.

    Attributes:
        country, alpha3: its ISO 3166-1 codes.
        share: how many of a hundred people live there.
        written: how else people write the country.
        calling: what is dialled before a number from abroad; `trunk` from within the country.
        phone, mobile: the digits of a number, as they are written there.
        streets: first lines of addresses.
        company: names of companies.
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


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split(" | "))


LOCALES = (
    Locale(
        country="US",
        alpha3="USA",
        share=46,
        written=_split("United States | United States of America | U.S.A."),
        calling="1",
        trunk="",
        phone="{area}-555-####",
        mobile="({area}) 555 ####",
        given=_split(
            "James | Mary | Robert | Patricia | John | Jennifer | Michael | Linda | David | Elizabeth | "
            "William | Barbara | Richard | Susan | Joe | Jessica | Thomas | Sarah | Christopher | Karen | "
            "Latoya | Darnell | Guadalupe | Hector | Nguyet | Priya"
        ),
        family=_split(
            "Smith | Johnson | Williams | Brown | Jones | Garcia | Miller | Davis | Rodriguez | Martinez | "
            "Hernandez | Lopez | Gonzalez | Wilson | Anderson | O'Connor | Taylor | Moore | Jackson | "
            "McDonald | Lee | Perez | Thompson | White | Harris | Nguyen"
        ),
        towns=(
            Town("Phoenix", "850##", "US-AZ", _split("AZ | Arizona | az")),
            Town("New York", "100##", "US-NY", _split("NY | New York | US-NY")),
            Town("Austin", "787##-####", "US-TX", _split("TX | Texas")),
            Town("Chicago", "606##", "US-IL", _split("IL | Illinois | Ill.")),
            Town("Miami", "331##", "US-FL", _split("FL | Florida")),
            Town("San José", "951##", "US-CA", _split("CA | California")),
        ),
        streets=_split("{n} Main St | {n} W Camelback Rd, Suite {m} | {n} 5th Ave Apt. {m} | P.O. Box {n}"),
        company=_split(
            "{family} & Sons, Inc. | {town} Boat Works LLC | {family} Law, P.C. | Greater {town} Dental | "
            "{family} Farms"
        ),
    ),
    Locale(
        country="GB",
        alpha3="GBR",
        share=8,
        written=_split("United Kingdom | UK | England"),
        calling="44",
        trunk="0",
        phone="20 7946 0###",
        mobile="7700 900###",
        given=_split("Oliver | Amelia | George | Isla | Harry | Olivia | Rhys | Siân | Niamh | Alasdair"),
        family=_split("Evans | Ap-Rhys | MacLeod | O'Neill | Smythe-Jones | Patel | Walker | Wright | Hughes"),
        towns=(
            Town("London", "SW1A 1AA"),
            Town("Canterbury", "CT1 2EH", "GB-KEN", _split("Kent")),
            Town("Llanfairpwll", "LL61 5UJ"),
        ),
        streets=_split("{n} High Street | Flat {m}, {n} Queen's Road | The Old Rectory"),
        company=_split("{family} & Co. Ltd | {town} Tea Traders Limited | The {family} Partnership LLP"),
    ),
    Locale(
        country="CA",
        alpha3="CAN",
        share=5,
        written=_split("Canada"),
        calling="1",
        trunk="",
        phone="416-555-####",
        mobile="(514) 555-####",
        given=_split("Liam | Émilie | Noah | Chloé | Zoë | Jean-François"),
        family=_split("Tremblay | Gagnon | Roy | Côté | Singh | MacKenzie"),
        towns=(
            Town("Toronto", "M5V 2T6", "CA-ON", _split("ON | Ontario")),
            Town("Montréal", "H2Y 1C6", "CA-QC", _split("QC | Québec")),
        ),
        streets=_split("{n} Yonge St | {n}, rue Sainte-Catherine Ouest, bureau {m}"),
        company=_split("{family} Outfitters Ltd. | Les Entreprises {family} inc."),
    ),
    Locale(
        country="NO",
        alpha3="NOR",
        share=8,
        written=_split("Norway | Norge | NORWAY"),
        calling="47",
        trunk="",
        phone="22 ## ## ##",
        mobile="4## ## ###",
        given=_split("Åse | Bjørn | Øyvind | Kåre | Ingrid | Sølvi | Håkon | Turid | Ærlend | Siv"),
        family=_split("Hansen | Ødegård | Bjørnstad | Sæther | Ås | Aasen | Nygård | Kjølberg | Strøm"),
        towns=(
            Town("Oslo", "0###", "NO-03", _split("Oslo")),
            Town("Tromsø", "9008"),
            Town("Bergen", "50##", "NO-46", _split("Vestland")),
        ),
        streets=_split("Storgata {n} | Nedre Slottsgate {n} B | c/o Ødegård, Bjørnveien {n}"),
        company=_split("{family} & Sønner AS | {town} Fisk ASA | Brødrene {family} ANS"),
    ),
    Locale(
        country="SE",
        alpha3="SWE",
        share=3,
        written=_split("Sweden | Sverige"),
        calling="46",
        trunk="0",
        phone="8-505 ### ##",
        mobile="70-174 06 ##",
        given=_split("Åke | Göran | Malin | Örjan | Linnéa"),
        family=_split("Lindqvist | Åström | Öberg | Sjögren"),
        towns=(
            Town("Stockholm", "111 ##"),
            Town("Malmö", "211 ##"),
        ),
        streets=_split("Drottninggatan {n} | Östra Förstadsgatan {n}"),
        company=_split("{family}s Mekaniska AB | {town} Hamn HB"),
    ),
    Locale(
        country="DE",
        alpha3="DEU",
        share=6,
        written=_split("Germany | Deutschland"),
        calling="49",
        trunk="0",
        phone="30 23125 ###",
        mobile="1522 343 ####",
        given=_split("Jürgen | Käthe | Björn | Sören | Ulrike | Günther | Zoë"),
        family=_split("Müller | Groß | Schäfer | Weiß | Freiherr-von-Öttingen | Çelik"),
        towns=(
            Town("Berlin", "10###", "DE-BE", _split("Berlin")),
            Town("München", "80###", "DE-BY", _split("Bayern | Bavaria")),
        ),
        streets=_split("Straße des 17. Juni {n} | Große Gasse {n} a | Postfach {n}"),
        company=_split("{family} Maschinenbau GmbH & Co. KG | Bäckerei {family} e. K. | Weiß & {family} AG"),
    ),
    Locale(
        country="FR",
        alpha3="FRA",
        share=4,
        written=_split("France | FRANCE"),
        calling="33",
        trunk="0",
        phone="1 99 00 ## ##",
        mobile="6 39 98 ## ##",
        given=_split("Éloïse | Benoît | Anaïs | François | Gaël | Zoé"),
        family=_split("Lefèvre | d'Estaing | Noël | Gagné | L'Hôpital"),
        towns=(
            Town("Paris", "750##"),
            Town("Saint-Étienne", "42###"),
        ),
        streets=_split("{n} bis, rue de l'Église | {n}, allée des Châtaigniers, bâtiment {m}"),
        company=_split("Société {family} SARL | Boulangerie {family}"),
    ),
    Locale(
        country="ES",
        alpha3="ESP",
        share=3,
        written=_split("Spain | España"),
        calling="34",
        trunk="",
        phone="910 ## ## ##",
        mobile="612 ### ###",
        given=_split("Íñigo | Begoña | Ángel | Nuño"),
        family=_split("Muñoz | Ibáñez | Peña | Etxebarria"),
        towns=(
            Town("Madrid", "280##", "ES-MD", _split("Madrid")),
            Town("A Coruña", "150##"),
        ),
        streets=_split("Calle de Alcalá, {n}, {m}º izq. | Paseo de la Castellana {n}"),
        company=_split("Hermanos {family} S.L. | {family} e Hijos, S.A."),
    ),
    Locale(
        country="BR",
        alpha3="BRA",
        share=3,
        written=_split("Brazil | Brasil"),
        calling="55",
        trunk="0",
        phone="11 5555-####",
        mobile="11 95555-####",
        given=_split("João | Conceição | Antônio | Fabrício"),
        family=_split("Gonçalves | Araújo | Assunção | Magalhães"),
        towns=(Town("São Paulo", "01310-###", "BR-SP", _split("SP | São Paulo")),),
        streets=_split("Av. Paulista, {n} – {m}º andar"),
        company=_split("{family} Comércio Ltda. | Padaria {family} ME"),
    ),
    Locale(
        country="GR",
        alpha3="GRC",
        share=2,
        written=_split("Greece | Ελλάδα"),
        calling="30",
        trunk="",
        phone="210 000 ####",
        mobile="690 000 ####",
        given=_split("Γιώργος | Ελένη | Κωνσταντίνος | Δέσποινα"),
        family=_split("Παπαδόπουλος | Οικονόμου | Χατζηιωάννου"),
        towns=(Town("Αθήνα", "105 ##"),),
        streets=_split("Οδός Ερμού {n}"),
        company=_split("Αφοί {family} Ο.Ε. | {family} Α.Ε."),
    ),
    Locale(
        country="UA",
        alpha3="UKR",
        share=2,
        written=_split("Ukraine | Україна"),
        calling="380",
        trunk="0",
        phone="44 000 ####",
        mobile="50 000 ####",
        given=_split("Оксана | Тарас | Ярослав | Юлія"),
        family=_split("Шевченко | Коваленко | Їжакевич"),
        towns=(Town("Київ", "01###"),),
        streets=_split("вул. Хрещатик, {n}, кв. {m}"),
        company=_split("ТОВ «{family}» | ФОП {family}"),
    ),
    Locale(
        country="EG",
        alpha3="EGY",
        share=2,
        written=_split("Egypt | مصر"),
        calling="20",
        trunk="0",
        phone="2 2000 ####",
        mobile="100 000 ####",
        given=_split("محمد | فاطمة | عمر | ليلى"),
        family=_split("حسن | إبراهيم | المصري"),
        towns=(Town("القاهرة", "115##"),),
        streets=_split("شارع التحرير {n}"),
        company=_split("شركة {family} للتجارة | مؤسسة {family}"),
    ),
    Locale(
        country="IL",
        alpha3="ISR",
        share=1,
        written=_split("Israel"),
        calling="972",
        trunk="0",
        phone="3-555-####",
        mobile="50-555-####",
        given=_split("נועה | דוד | יעל"),
        family=_split("כהן | לוי"),
        towns=(Town("תל אביב", "61000##"),),
        streets=_split("רחוב הרצל {n}"),
        company=_split("{family} בע״מ"),
    ),
    Locale(
        country="CN",
        alpha3="CHN",
        share=3,
        written=_split("China | 中国"),
        calling="86",
        trunk="0",
        phone="10 8000 ####",
        mobile="130 0000 ####",
        given=_split("伟 | 秀英 | 建国 | 丽"),
        family=_split("王 | 李 | 张 | 欧阳"),
        towns=(
            Town("北京", "1000##", "CN-BJ", _split("Beijing Shi")),
            Town("上海", "2000##"),
        ),
        streets=_split("建国门外大街{n}号 | 南京东路{n}弄{m}号"),
        company=_split("{town}{family}贸易有限公司"),
    ),
    Locale(
        country="JP",
        alpha3="JPN",
        share=2,
        written=_split("Japan | 日本"),
        calling="81",
        trunk="0",
        phone="3-0000-####",
        mobile="90-0000-####",
        given=_split("陽子 | 大輔 | さくら | ケンジ"),
        family=_split("佐藤 | 鈴木 | 髙橋 | 渡邉"),
        towns=(Town("東京", "100-00##", "JP-13", _split("Tokyo")),),
        streets=_split("千代田区丸の内{n}丁目{m}番"),
        company=_split("株式会社{family}製作所 | {family}商店"),
    ),
    Locale(
        country="KW",
        alpha3="KWT",
        share=1,
        written=_split("Kuwait"),
        calling="965",
        trunk="",
        phone="2200 ####",
        mobile="5000 ####",
        given=_split("عبدالله | نورة"),
        family=_split("الصباح | العنزي"),
        towns=(Town("الكويت", "13###"),),
        streets=_split("شارع الخليج {n}"),
        company=_split("شركة {family} ذ.م.م"),
    ),
    Locale(
        country="IN",
        alpha3="IND",
        share=1,
        written=_split("India | Bharat"),
        calling="91",
        trunk="0",
        phone="22 5555 ####",
        mobile="99999 #####",
        given=_split("अनिल | प्रिया | Venkatanarasimharajuvaripeta"),
        family=_split("शर्मा | Iyer"),
        towns=(Town("Mumbai", "4000##", "IN-MH", _split("Maharashtra")),),
        streets=_split("{n}, Mahatma Gandhi Road"),
        company=_split("{family} Textiles Pvt. Ltd."),
    ),
)

# As they are found in every customer file; the first ones are longer than the 40 characters that Keap holds.
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

# What is sold, and which one of it.
PRODUCT_NAMES = (
    _split(
        "Kayak | Kajakk 'Fjord' | カヤック | Каяк | Tent, 4-person | Dry bag | Compass | Παγούρι | Life jacket | Paddle"
    ),
    _split('small | medium | large | XXL | Ø 40 cm | 24" × 36" | 赤 | bleu nuit | “Pro” | 2nd edition'),
)
