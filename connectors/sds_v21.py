"""School Data Sync v2.1: ten CSV files.

https://learn.microsoft.com/en-us/schooldatasync/sds-v2.1-csv-file-format
"""

from __future__ import annotations

from connectors.formats import CsvColumn, CsvFormat, FeedSpec, FileSpec, header_key

_SECRETS = {"password"}


def _file(
    name: str, table: str, required: str, optional: str = "", *, mandatory: bool = False
) -> FileSpec:
    """A file that feeds one table. Columns are written as header, or header=roster_column."""
    columns: list[CsvColumn] = []
    feeds: dict[str, str] = {}
    for words, needed in ((required, True), (optional, False)):
        for word in words.split():
            headers, _, column = word.partition("=")
            spellings = tuple(headers.split("|"))
            key = header_key(spellings[0])
            columns.append(CsvColumn(key, spellings, needed, key in _SECRETS))
            if column:
                feeds[column] = f"{{{key}}}"
    return FileSpec(name, tuple(columns), (FeedSpec(table, feeds),), mandatory)


FORMAT = CsvFormat(
    "sds-v2.1",
    (
        _file(
            "orgs",
            "orgs",
            "sourcedId=sourced_id name=name type=type",
            "parentSourcedId=parent_sourced_id",
            mandatory=True,
        ),
        _file(
            "academicSessions",
            "academic_sessions",
            "sourcedId=sourced_id title=title type=type schoolYear=school_year"
            " startDate=start_date endDate=end_date",
        ),
        _file(
            "courses",
            "courses",
            "sourcedId=sourced_id orgSourcedId=org_sourced_id title=title",
            "code=code schoolYearSourcedId=school_year_sourced_id subject|subjects=subjects"
            " grade|grades=grades",
        ),
        _file(
            "classes",
            "classes",
            "sourcedId=sourced_id orgSourcedId=org_sourced_id title=title",
            "code=code courseSourcedId=course_sourced_id"
            " sessionSourcedIds|sessionSourcedId=session_sourced_ids",
        ),
        _file(
            "users",
            "users",
            "sourcedId=sourced_id username=username",
            "givenName=given_name familyName=family_name middleName=middle_name password"
            " activeDirectoryMatchId=active_directory_match_id email=email phone=phone sms=sms"
            " userNumber=identifier",
            mandatory=True,
        ),
        _file(
            "roles",
            "roles",
            "userSourcedId=user_sourced_id orgSourcedId=org_sourced_id role=role",
            "sessionSourcedId=session_sourced_id grade=grade isPrimary=is_primary"
            " roleStartDate=start_date roleEndDate=end_date",
            mandatory=True,
        ),
        _file(
            "enrollments",
            "enrollments",
            "classSourcedId=class_sourced_id userSourcedId=user_sourced_id role=role",
        ),
        _file(
            "relationships",
            "relationships",
            "userSourcedId=user_sourced_id"
            " relationshipUserSourcedId=relationship_user_sourced_id relationshipRole|role=role",
        ),
        _file(
            "demographics",
            "demographics",
            "userSourcedId=user_sourced_id",
            "sex=sex birthDate=birth_date birthCity=birth_city birthState=birth_state"
            " birthCountry=birth_country ethnicityCodes=ethnicity_codes raceCodes=race_codes",
        ),
        _file("userFlags", "user_flags", "userSourcedId=user_sourced_id flag=flag"),
    ),
    together=(frozenset({"classes", "enrollments"}),),
)
