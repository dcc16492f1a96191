"""The names that sample people get. Invented combinations: they stand for nobody.

Earlier family names are drawn more often, so that many people share a surname, as in life. The
pools hold what breaks naive code: accents, letters without an ASCII base (ø, ł, ß), apostrophes,
hyphens, particles, and given names written in two scripts.
"""

from __future__ import annotations

FAMILY = (
    """
Smith|Garcia|Johnson|Nguyen|Williams|Brown|Martinez|Jones|Miller|Davis|Rodriguez|Lee|Wilson|Khan
Anderson|Taylor|Thomas|Lopez|Moore|Jackson|O'Brien|Martin|Li|Thompson|White|Perez|Harris|Clark
Ramirez|Lewis|Robinson|Walker|Young|Allen|King|Wright|Nuñez|Hill|Flores|Green|Adams|Nelson|Baker
Hall|Rivera|Campbell|Mitchell|Carter|Roberts|Kowalski|Müller|Ødegård|Łukasiewicz|Smith-Jones
D'Angelo|van den Berg|Peña|Ibáñez|Öztürk|Dvořák|Sørensen|Strauß|Åström|Đặng|Wang|Zhang|Chen|Patel
Singh|Okafor|Mensah|Haddad|Cohen|Rossi|Silva|Santos|Yılmaz|Popescu|Novák|Nagy|Ivanova|Tanaka|Kim
Park|Ali|Ahmed|Hussein|Abebe|Mwangi|Diallo|Traoré|García Márquez|De la Cruz|MacDonald|Fitzgerald
St. Clair|Beaumont-Leroy|O’Connor|Whitfield|Underwood|Quigley|Zimmermann|Xiong|Vang|Begay|Kealoha
""".replace("\n", "|")
    .strip("|")
    .split("|")
)

GIVEN_FEMALE = (
    """
Olivia|Emma|Katherine|Sophia|Amelia|Isabella|Ava|Elizabeth|Mia|Zoë|Chloé|José María|Søs|Núria|Inés
Margaret|Hannah|Layla|Aaliyah|Fatima|Amara|Ngozi|Mei Ling|Yuki|Ana Sofía|Lucía|Grace|Siobhán|Eilís
Łucja|Agnieszka|Ingrid|Åsa|Bronwyn|Charlotte|Abigail|Mary-Kate|D'Asia|Priya|Anjali|Noor|Leila
Xiaohong (小红)|Jing (静)|Ha-eun|Minh Anh|Kalani|Shoshana|Tatiana|Valentina|Renée|Victoria
""".replace("\n", "|")
    .strip("|")
    .split("|")
)

GIVEN_MALE = (
    """
Liam|Noah|William|James|Benjamin|Robert|Lucas|José|Mateo|Ángel|Michael|Alexander|Daniel|Samuel
Jesús|Søren|Łukasz|Björn|Øystein|Jiří|André|Raúl|Iñigo|Mohammed|Yusuf|Ibrahim|Kwame|Chidi|Tariq|Arjun|Ravi
Xiaoming (小明)|Wei (伟)|Hiroshi|Min-jun|Quang|Jean-Luc|Tomáš|Zoltán|Gheorghe|Dmitri|Omar
Thomas|Joseph|D'Andre|Patrick|Seán|Kai|Elijah|Ezra|Theodore|Christopher|Anthony|Joshua|Nathaniel|Edward
""".replace("\n", "|")
    .strip("|")
    .split("|")
)

PREFERRED = {
    "Katherine": "Kate",
    "Elizabeth": "Liz",
    "Margaret": "Maggie",
    "Victoria": "Tori",
    "Abigail": "Abby",
    "William": "Bill",
    "Robert": "Bob",
    "Benjamin": "Ben",
    "Michael": "Mike",
    "Alexander": "Sasha",
    "Samuel": "Sam",
    "Christopher": "Chris",
    "Nathaniel": "Nate",
    "Edward": "Ted",
}
"""Some people go by the short form: the roster says Kate, the username still says katherine."""

SCHOOLS = (
    """
Lincoln|Riverside|Oak Hill|Washington|St. Mary's|Cedar Grove|Roosevelt|Lakeview|Franklin
Maple Street|Jefferson|Peña Blanca|Northside|Harriet Tubman|Sunset|Eastgate
Martin Luther King Jr.|Valley View|César Chávez|Pine Ridge|Rosa Parks|Highland
Bay & Harbor|Prairie|Willow Creek|Sequoia|Marie Curie
""".replace("\n", "|")
    .strip("|")
    .split("|")
)

NOT_ASCII = ("ŁłØøÆæßĐđıÐðÞþ", "LlOoAasDdiDdTt")
"""Letters that have no accent to strip, and what a username writes for each."""
