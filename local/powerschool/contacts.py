"""PowerSchool's tables of persons, e-mail addresses, telephones and contacts of students.

STUDENTS has no e-mail column. A student's address is in PSM_STUDENTCONTACT (through
SYNC_STUDENTMAP, of the type "Self"), and in EMAILADDRESS through STUDENTS.PERSON_ID. A member of
staff who is a parent is another PERSON, without a link to USERS.
"""

from __future__ import annotations

from .people import FORMER
from .tables import Table

# Everybody who has a row in PERSON: students, and the contacts of those who are there.
PERSONS = f"""
SELECT 'student/' || sourced_id AS key, sourced_id AS user_id, given_name, middle_name,
       family_name, sex, mail AS email, phone, modified AS touched
FROM sis.users WHERE kind = 'student'
UNION ALL
SELECT 'contact/' || sourced_id, sourced_id, given_name, middle_name, family_name, sex, email,
       phone, modified
FROM sis.users WHERE NOT gone AND sourced_id IN (
    SELECT contact_id FROM sis.relationships r JOIN sis.users u ON u.sourced_id = r.student_id
    WHERE NOT r.gone AND NOT u.gone)
UNION ALL
SELECT 'student/' || f.key, f.key, f.first_name, NULL, f.last_name,
       CASE f.gender WHEN 'F' THEN 'female' ELSE 'male' END, NULL, NULL, y.touched
FROM ({FORMER}) f CROSS JOIN psdata.this_year y WHERE $history
"""

PERSON = Table(
    "person",
    "id",
    """
    SELECT i.n + 3000 AS id, i.n + 3250 AS dcid, p.given_name AS firstname,
           p.middle_name AS middlename, p.family_name AS lastname, NULL::VARCHAR AS prefixcodesetid,
           CASE p.sex WHEN 'female' THEN 'F' WHEN 'male' THEN 'M' END AS gendercodesetid,
           NULL::VARCHAR AS employer, 1 AS isactive, 0 AS excludefromstatereporting, p.touched
    FROM psdata.persons p JOIN psdata.ids i ON i.kind = 'person' AND i.key = p.key
    """,
    ("whenmodified",),
)

EMAILADDRESS = Table(
    "emailaddress",
    "emailaddressid",
    """
    SELECT i.n + 600 AS emailaddressid, p.emailaddress, p.touched
    FROM (SELECT lower(email) AS address, min(email) AS emailaddress, max(touched) AS touched
          FROM psdata.persons WHERE email IS NOT NULL GROUP BY 1) p
    JOIN psdata.ids i ON i.kind = 'email' AND i.key = p.address
    """,
    ("whenmodified",),
)

PERSONEMAILADDRESSASSOC = Table(
    "personemailaddressassoc",
    "personemailaddressassocid",
    """
    SELECT i.n + 700 AS personemailaddressassocid, i.n + 3000 AS personid,
           e.n + 600 AS emailaddressid, 508 AS emailtypecodesetid,
           1 AS isprimaryemailaddress, 1 AS emailaddresspriorityorder, p.touched
    FROM psdata.persons p JOIN psdata.ids i ON i.kind = 'person' AND i.key = p.key
    JOIN psdata.ids e ON e.kind = 'email' AND e.key = lower(p.email)
    """,
    ("whenmodified",),
)

PHONENUMBER = Table(
    "phonenumber",
    "phonenumberid",
    """
    SELECT i.n + 800 AS phonenumberid, p.phone AS phonenumber, p.touched
    FROM (SELECT phone, max(touched) AS touched FROM psdata.persons
          WHERE phone IS NOT NULL GROUP BY 1) p
    JOIN psdata.ids i ON i.kind = 'phone' AND i.key = p.phone
    """,
    ("whenmodified",),
)

PERSONPHONENUMBERASSOC = Table(
    "personphonenumberassoc",
    "personphonenumberassocid",
    """
    SELECT i.n + 900 AS personphonenumberassocid, i.n + 3000 AS personid,
           t.n + 800 AS phonenumberid, 509 AS phonetypecodesetid, 1 AS phonenumberpriorityorder,
           1 AS ispreferred, p.phone AS phonenumberasentered, p.touched
    FROM psdata.persons p JOIN psdata.ids i ON i.kind = 'person' AND i.key = p.key
    JOIN psdata.ids t ON t.kind = 'phone' AND t.key = p.phone
    """,
    ("whenmodified",),
)

# Which contact a student has, and as what. Contacts of who left are not kept.
KINSHIPS = """
SELECT r.student_id, r.contact_id, r.role, r.modified AS touched,
       row_number() OVER (PARTITION BY r.student_id ORDER BY r.contact_id) AS place
FROM sis.relationships r JOIN sis.users u ON u.sourced_id = r.student_id
JOIN sis.users c ON c.sourced_id = r.contact_id
WHERE NOT r.gone AND NOT u.gone AND NOT c.gone
"""

STUDENTCONTACTASSOC = Table(
    "studentcontactassoc",
    "studentcontactassocid",
    """
    SELECT i.n + 1100 AS studentcontactassocid, s.n + 560 AS studentdcid, p.n + 3000 AS personid,
           k.place AS contactpriorityorder, CASE k.role WHEN 'parent' THEN 501
               WHEN 'guardian' THEN 502 WHEN 'relative' THEN 503 ELSE 504 END
               AS currreltypecodesetid, k.touched
    FROM psdata.kinships k
    JOIN psdata.ids i ON i.kind = 'contact' AND i.key = k.student_id || '/' || k.contact_id
    JOIN psdata.ids s ON s.kind = 'student' AND s.key = k.student_id
    JOIN psdata.ids p ON p.kind = 'person' AND p.key = 'contact/' || k.contact_id
    """,
    ("whenmodified",),
)

STUDENTCONTACTDETAIL = Table(
    "studentcontactdetail",
    "studentcontactdetailid",
    """
    SELECT a.studentcontactassocid + 40 AS studentcontactdetailid, a.studentcontactassocid,
           a.currreltypecodesetid AS relationshiptypecodesetid, 1 AS isactive,
           (a.currreltypecodesetid <> 503)::BIGINT AS iscustodial,
           (a.currreltypecodesetid <> 503)::BIGINT AS liveswithflg, 1 AS isemergency,
           1 AS schoolpickupflg, 1 AS receivesmailflg, NULL::DATE AS startdate,
           NULL::DATE AS enddate, NULL::VARCHAR AS relationshipnote, a.stamp AS touched
    FROM psdata.studentcontactassoc a
    """,
    ("whenmodified",),
)

CODESET = Table(
    "codeset",
    "codesetid",
    """
    SELECT r.*, y.touched FROM psdata.this_year y, (VALUES
        (501, 'Relationship', 'Parent', 'Parent'), (502, 'Relationship', 'Guardian', 'Guardian'),
        (503, 'Relationship', 'Relative', 'Relative'), (504, 'Relationship', 'Other', 'Other'),
        (508, 'EmailType', 'Current', 'Current'), (509, 'Phone', 'Mobile', 'Mobile')
    ) r(codesetid, codetype, code, displayvalue)
    """,
)

SYNC_STUDENTMAP = Table(
    "sync_studentmap",
    "id",
    """
    SELECT i.n + 90 AS id, i.n + 560 AS studentsdcid, i.n + 210 AS studentid, s.stamp AS touched
    FROM psdata.students s JOIN psdata.ids i ON i.kind = 'student' AND i.n + 560 = s.dcid
    """,
)

PSM_STUDENTCONTACT = Table(
    "psm_studentcontact",
    "id",
    """
    SELECT i.n + 410 AS id, i.n + 210 AS studentid, 1 AS studentcontacttypeid, u.mail AS email,
           u.given_name AS firstname, u.family_name AS lastname, u.modified AS touched
    FROM sis.users u JOIN psdata.ids i ON i.kind = 'student' AND i.key = u.sourced_id
    WHERE u.kind = 'student' AND u.mail IS NOT NULL
    """,
)

PSM_STUDENTCONTACTTYPE = Table(
    "psm_studentcontacttype",
    "id",
    """
    SELECT r.*, y.touched FROM psdata.this_year y, (VALUES
        (1, 'Self'), (2, 'Mother'), (3, 'Father'), (4, 'Guardian')) r(id, name)
    """,
)

PREFS = Table(
    "prefs",
    "dcid",
    """
    SELECT row_number() OVER () + 5 AS dcid, p.name, p.value, 0 AS schoolid, 0 AS yearid,
           0 AS userid, o.modified AS touched
    FROM (SELECT * FROM sis.orgs WHERE type = 'district' LIMIT 1) o,
         LATERAL (VALUES ('districtname', o.name), ('districtnumber', o.sourced_id)) p(name, value)
    """,
)
