"""Small drops of each format, to be varied by tests."""

# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

V21: Mapping[str, str] = {
    "orgs.csv": """sourcedId,name,type,parentSourcedId
D1,Contoso District,district,
S1,North School,school,D1
S2,South School,school,D1
""",
    "users.csv": """sourcedId,username,givenName,familyName,password,activeDirectoryMatchId,email,phone,sms
U1,ada@contoso.edu,Ada,Adams,,,ada@contoso.edu,+14255550101,
U2,ben@contoso.edu,Ben,Brown,,,ben@contoso.edu,,
T1,tom@contoso.edu,Tom,Taylor,,,tom@contoso.edu,,
P1,pat@example.com,Pat,Adams,,,pat@example.com,,
""",
    "roles.csv": """userSourcedId,orgSourcedId,role,sessionSourcedId,grade,isPrimary,roleStartDate,roleEndDate
U1,S1,student,,09,true,,
U2,S1,student,,10,true,,
T1,S1,teacher,,,true,2025-08-01,2026-06-30
P1,S1,other,,,,,
""",
    "classes.csv": """sourcedId,orgSourcedId,title,sessionSourcedIds,courseSourcedId,code
C1,S1,Algebra,"Y26,A26",K1,ALG
""",
    "enrollments.csv": """classSourcedId,userSourcedId,role
C1,U1,student
C1,U2,student
C1,T1,teacher
""",
    "academicSessions.csv": """sourcedId,title,type,schoolYear,startDate,endDate
Y26,2025/26,schoolYear,2026,2025-08-01,2026-06-30
A26,Autumn,semester,2026,2025-08-01,2025-12-31
""",
    "courses.csv": """sourcedId,orgSourcedId,title,code,schoolYearSourcedId,subject,grade
K1,S1,Algebra I,ALG1,Y26,02,"09,10"
""",
    "demographics.csv": """userSourcedId,sex,birthDate,birthCity,birthState,birthCountry,ethnicityCodes,raceCodes
U1,female,2010-02-03,Redmond,WA,US,hispanicOrLatinoEthnicity,"white,asian"
""",
    "userFlags.csv": """userSourcedId,flag
U1,freeLunch
""",
    "relationships.csv": """userSourcedId,relationshipUserSourcedId,relationshipRole
U1,P1,parent
""",
}

V1: Mapping[str, str] = {
    "School.csv": """SIS ID,Name,School Number
S1,North School,N1
S2,South School,N2
""",
    "Section.csv": """SIS ID,School SIS ID,Section Name,Section Number,Term SIS ID,Term Name,Term StartDate,Term EndDate,Course SIS ID,Course Name,Status
C1,S1,Algebra,1,T26,Year,8/1/2025,6/30/2026,K1,Algebra I,Active
C2,S2,Biology,2,T26,Year,8/15/2025,6/30/2026,K1,Algebra I,Active
C3,S2,Old,3,,,,,,,Expired
""",
    "Student.csv": """SIS ID,School SIS ID,First Name,Last Name,Username,Password,Student Number,Grade,Status,Birthdate
U1,S1,Ada,Adams,ada,secret1,n1,9,Active,2/3/2010
U1,S2,Ada,Adams,ada,secret1,n1,9,Active,2/3/2010
U2,S2,Ben,Brown,ben,secret2,n2,K,Inactive,
""",
    "Teacher.csv": """SIS ID,School SIS ID,First Name,Last Name,Username,Password,Teacher Number,Status
T1,S1,Tom,Taylor,tom,secret3,t1,Active
""",
    "StudentEnrollment.csv": """Section SIS ID,SIS ID
C1,U1
C2,U2
""",
    "TeacherRoster.csv": """Section SIS ID,SIS ID
C1,T1
C2,T1
""",
    "User.csv": """Email,First Name,Last Name,Phone,SIS ID
Pat@Example.com,Pat,Adams,(425) 555-0101,
""",
    "GuardianRelationship.csv": """SIS ID,Email,Role
U1,pat@example.com,
""",
}

ONEROSTER_11: Mapping[str, str] = {
    "manifest.csv": """propertyName,value
manifest.version,1.0
oneroster.version,1.1
file.academicSessions,bulk
file.categories,absent
file.classes,bulk
file.classResources,absent
file.courses,bulk
file.courseResources,absent
file.demographics,bulk
file.enrollments,bulk
file.lineItems,absent
file.orgs,bulk
file.resources,absent
file.results,absent
file.users,bulk
source.systemName,Contoso SIS
""",
    "orgs.csv": """sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId
D1,,,Contoso District,district,,
S1,,,North School,school,0901,D1
S2,,,South School,school,0902,D1
""",
    "academicSessions.csv": """sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear
Y26,,,2025/26,schoolYear,2025-08-01,2026-06-30,,2026
A26,,,Autumn,semester,2025-08-01,2025-12-31,Y26,2026
""",
    "courses.csv": """sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes
K1,,,Y26,Algebra I,ALG1,"09,10",S1,Mathematics,02052
""",
    "classes.csv": """sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods
C1,,,Algebra,09,K1,ALG,scheduled,R14,S1,"Y26,A26",Mathematics,02052,3
""",
    "users.csv": """sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password
U1,,,true,"S1,S2",student,ada,"{SIS:1},{LDAP:ada}",Ada,Adams,K,n1,ada@contoso.edu,,+14255550101,P1,"09,10",secret1
U2,,,true,S1,student,ben,,Ben,Brown,,n2,ben@contoso.edu,,,,9,
T1,,,true,S1,teacher,tom,,Tom,Taylor,,,tom@contoso.edu,,,,,
P1,,,true,S1,parent,pat,,Pat,Adams,,,pat@example.com,,,U1,,
""",
    "enrollments.csv": """sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate
E1,,,C1,S1,U1,student,,2025-08-12,2025-12-20
E2,,,C1,S1,U2,student,,,
E3,,,C1,S1,T1,teacher,true,,
""",
    "demographics.csv": """sourcedId,status,dateLastModified,birthDate,sex,americanIndianOrAlaskaNative,asian,blackOrAfricanAmerican,nativeHawaiianOrOtherPacificIslander,white,demographicRaceTwoOrMoreRaces,hispanicOrLatinoEthnicity,countryOfBirthCode,stateOfBirthAbbreviation,cityOfBirth,publicSchoolResidenceStatus
U1,,,2010-02-03,female,false,true,false,false,TRUE,false,true,US,WA,Redmond,01652
""",
}

ONEROSTER_12: Mapping[str, str] = {
    **ONEROSTER_11,
    "manifest.csv": ONEROSTER_11["manifest.csv"].replace("version,1.1", "version,1.2")
    + "file.roles,bulk\nfile.userProfiles,absent\nfile.userResources,absent\n",
    "users.csv": """sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,preferredGivenName,preferredMiddleName,preferredFamilyName,primaryOrgSourcedId,pronouns
U1,,,true,ada,,Ada,Adams,K,n1,ada@contoso.edu,,+14255550101,P1,"09,10",secret1,,,,,S1,she/her
U2,,,true,ben,,Ben,Brown,,n2,ben@contoso.edu,,,,9,,,,,,S1,
T1,,,true,tom,,Tom,Taylor,,,tom@contoso.edu,,,,,,,,,,S1,
P1,,,true,pat,,Pat,Adams,,,pat@example.com,,,U1,,,,,,,S1,
""",
    "roles.csv": """sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId
R1,,,U1,primary,student,,,S1,
R2,,,U1,secondary,student,,,S2,
R3,,,U2,primary,student,,,S1,
R4,,,T1,primary,ext:coach,2025-08-01,2026-06-30,S1,
R5,,,P1,primary,parent,,,S1,
""",
}

# Ada goes to two schools and has two contacts; Tim teaches in two schools.
CLEVER: Mapping[str, str] = {
    "schools.csv": """School id,School name,School number,State id,Low grade,High grade,Principal,Principal email,School address,School city,School state,School zip,School phone
S1,North School,N1,OR101,Kindergarten,5,Rae Ito,rito@contoso.edu,4 Oak Way,Springvale,OR,97001,(503) 555-0101
S2,South School,N2,OR102,6,12,,,,,,,
""",
    "students.csv": """School id,Student id,Student number,State id,Last name,First name,Middle name,Grade,Gender,DOB,Race,Hispanic Latino,Student email,Contact relationship,Contact type,Contact name,Contact phone,Contact phone type,Contact email,Contact sis id,Username,Password,Ell status,ext.homeroom
S1,U1,n1,778,Adams,Ada,K,5,F,2/3/2010,Asian,Y,ada@contoso.edu,Parent,Parent/Guardian,Pat Adams,(425) 555-0101,Cell,Pat@Example.com,G1,ada,secret1,N,H1
S1,U1,n1,778,Adams,Ada,K,5,F,2/3/2010,Asian,Y,ada@contoso.edu,Other,Emergency,Max van den Berg,425-555-0102,Work,max@example.com,G2,ada,secret1,N,H1
S2,U1,n1,778,Adams,Ada,K,6,F,2/3/2010,Asian,Y,ada@contoso.edu,Parent,Parent/Guardian,Pat Adams,(425) 555-0101,Cell,Pat@Example.com,G1,ada,secret1,N,H1
S2,U2,n2,779,Brown,Ben,,Kindergarten,X,,Unknown,N,ben@contoso.edu,,,,,,,,ben,secret2,Y,
""",
    "teachers.csv": """School id,Teacher id,Teacher number,State teacher id,Teacher email,First name,Middle name,Last name,Title,Username,Password
S1,T1,t1,,tim@contoso.edu,Tim,,Taylor,Grade 5,tim,secret3
S2,T1,t1,,tim@contoso.edu,Tim,,Taylor,Grade 5,tim,secret3
S2,T2,t2,,tea@contoso.edu,Tea,,Thorn,,tea,
""",
    "sections.csv": """School id,Section id,Teacher id,Teacher 2 id,Name,Section number,Grade,Course name,Course number,Course description,Period,Subject,Term name,Term start,Term end
S1,C1,T1,,Algebra,1,5,Algebra I,MTH5,,3,math,Semester 1,8/19/2025,1/16/2026
S2,C2,T1,T2,Biology,2,,Biology,SCI,,4,science,Semester 1,8/26/2025,1/23/2026
""",
    "enrollments.csv": """School id,Section id,Student id
S1,C1,U1
S2,C2,U1
S2,C2,U2
""",
    "staff.csv": """School id,Staff id,Staff email,First name,Last name,Department,Title,Username,Password,Role
S1,P1,sue@contoso.edu,Sue,Stone,Office,Principal,sue,secret4,School Tech Lead
""",
}

_UK_HEADERS = {
    "School.csv": {"SIS ID": "DfE Number"},
    "Section.csv": {"School SIS ID": "School DfE Number", "SIS ID": "ID"},
    "Student.csv": {"School SIS ID": "School DfE Number", "SIS ID": "ID"},
    "Teacher.csv": {"School SIS ID": "School DfE Number", "SIS ID": "ID"},
    "StudentEnrollment.csv": {"Section SIS ID": "Section ID", "SIS ID": "ID"},
    "TeacherRoster.csv": {"Section SIS ID": "Section ID", "SIS ID": "ID"},
}


def uk() -> dict[str, str]:
    """The v1 drop with the UK's headers."""
    drop = dict(V1)
    for name, renamed in _UK_HEADERS.items():
        header, rest = drop[name].split("\n", 1)
        cells = [renamed.get(cell, cell) for cell in header.split(",")]
        drop[name] = ",".join(cells) + "\n" + rest
    return drop


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write a drop; texts as UTF-8 with their line ends as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)
    return folder


def with_lines(drop: Mapping[str, str], file: str, *lines: str) -> dict[str, str]:
    """The drop with lines added at the end of a file."""
    return {**drop, file: drop[file] + "".join(line + "\n" for line in lines)}
