"""The contacts of Clever's students.csv: who they are, what they are called, whose they are.

https://support.clever.com/hc/en-us/articles/203114867-SFTP-Syncs-How-do-I-format-my-CSV-files-

Design note. A student stands in the file once for each contact, in some exports once for each
telephone of a contact. Rows belong to one contact where they have one Contact_sis_id; without it
where name and address are the same, as Clever itself tells contacts apart; without an address, only
within one student. Contacts are numbered apart from students and staff, so that a contact is never
taken for one of them, also where a teacher is a parent. Where one Contact_sis_id bears two names it
is the number of a household, or a mistake: that is a finding, and the first name is kept.

The name is one column. A name that ends as the student's family name does is cut there; else the
last word is the family name, with the particles before it (van den Berg) and what follows it (Jr.).
A contact who is the student (`Self`) is no contact.
"""

from __future__ import annotations

from connectors.clever_words import PARTS, SUFFIX, TITLES, kin
from connectors.formats import Derived

COLUMNS = (
    "Contact_relationship Contact_type Contact_name Contact_phone Contact_phone_type Contact_email"
    " Contact_sis_id"
)

# SELECT list for the kept table of students: `contact` is the contact's id, NULL for no contact.
_NAME = r"lower(regexp_replace(trim({contactname}), '[\s,]+', '-', 'g'))"
_MAIL = r"CASE WHEN trim({contactemail}) LIKE '%_@_%' THEN lower(trim({contactemail})) END"
_ID = f"""CASE
    WHEN lower(trim({{contactrelationship}})) = 'self' THEN NULL
    WHEN trim({{contactsisid}}) <> '' THEN trim({{contactsisid}})
    WHEN {_MAIL} IS NOT NULL THEN concat_ws('/', {_MAIL}, {_NAME})
    WHEN {_NAME} <> '' THEN concat_ws('/', trim({{studentid}}), {_NAME}) END"""
KEPT = f"""'contact:' || {_ID} AS contact, {{contactname}} AS contact_name,
    trim({{lastname}}) AS household, {{contactemail}} AS contact_mail,
    {{contactphone}} AS contact_phone, lower(trim({{contactphonetype}})) AS phone_type,
    trim({{contactrelationship}}) AS relationship, lower(trim({{contacttype}})) AS contact_type"""

_NAMED = f"""
    SELECT *,
        lower(concat_ws(' ', given, family)) AS full_name
    FROM (
        SELECT *,
            trim(CASE WHEN contains(base, ',') THEN base[strpos(base, ',') + 1:]
                WHEN shared THEN base[:length(base) - length(household) - 1]
                ELSE regexp_extract(base, '{PARTS}', 1, 'i') END) AS given,
            concat_ws(' ', CASE WHEN contains(base, ',') THEN base[:strpos(base, ',') - 1]
                WHEN shared THEN base[length(base) - length(household) + 1:]
                ELSE coalesce(nullif(regexp_extract(base, '{PARTS}', 2, 'i'), ''), base) END,
                nullif(suffix, '')) AS family
        FROM (
            SELECT *, regexp_replace(whole, '{SUFFIX}', '', 'i') AS base,
                regexp_extract(whole, '{SUFFIX}', 1, 'i') AS suffix,
                ends_with(lower(base), ' ' || lower(household)) AS shared
            FROM (
                SELECT *, regexp_replace(trim(regexp_replace(contact_name, '\\s+', ' ', 'g')),
                    '{TITLES}', '\\1', 'i') AS whole
                FROM kept_students WHERE contact IS NOT NULL)))"""

_CELL = "phone_type IN ('cell', 'mobile')"

PEOPLE = Derived(
    "users",
    "students",
    f"""
    SELECT min(record) AS record, contact, arg_min(nullif(given, ''), record) AS given,
        arg_min(nullif(family, ''), record) AS family, arg_min(contact_mail, record) AS mail,
        coalesce(arg_min(contact_phone, record) FILTER (NOT coalesce({_CELL}, false)),
            arg_min(contact_phone, record)) AS phone,
        arg_min(contact_phone, record) FILTER ({_CELL}) AS sms
    FROM ({_NAMED}) GROUP BY contact, full_name ORDER BY record""",
    {
        "sourced_id": "contact",
        "given_name": "given",
        "family_name": "family",
        "email": "mail",
        "phone": "phone",
        "sms": "sms",
    },
    {
        "sourced_id": "Contact_sis_id",
        "given_name": "Contact_name",
        "family_name": "Contact_name",
        "email": "Contact_email",
        "phone": "Contact_phone",
        "sms": "Contact_phone",
    },
    needs="contactname",
    lost=None,
)

RELATIONSHIPS = Derived(
    "relationships",
    "students",
    f"""
    SELECT min(record) AS record, person, contact, arg_min(kin, record) AS kin FROM (
        SELECT record, person, contact, {kin("relationship", "contact_type")} AS kin
        FROM kept_students WHERE contact IS NOT NULL)
    GROUP BY person, contact ORDER BY record""",
    {"user_sourced_id": "person", "relationship_user_sourced_id": "contact", "role": "kin"},
    {
        "user_sourced_id": "Student_id",
        "relationship_user_sourced_id": "Contact_sis_id",
        "role": "Contact_relationship",
    },
    needs="contactname",
    lost=None,
)
