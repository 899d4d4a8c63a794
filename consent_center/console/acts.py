"""One dependency per act, for the routes to name."""

from typing import Annotated

from fastapi import Depends

from consent_center.console.desk import Desk, StaffPage
from consent_center.studies.roles import Act

SeeQueue = Annotated[StaffPage, Depends(Desk(Act.SEE_QUEUE))]
SeeStudies = Annotated[StaffPage, Depends(Desk(Act.SEE_STUDIES))]
FileStudy = Annotated[StaffPage, Depends(Desk(Act.FILE_STUDY))]
AssessStudy = Annotated[StaffPage, Depends(Desk(Act.ASSESS_STUDY))]
AnswerStudy = Annotated[StaffPage, Depends(Desk(Act.ANSWER_STUDY))]
SuspendStudy = Annotated[StaffPage, Depends(Desk(Act.SUSPEND_STUDY))]
SeeBudgets = Annotated[StaffPage, Depends(Desk(Act.SEE_BUDGETS))]
SeeRuns = Annotated[StaffPage, Depends(Desk(Act.SEE_RUNS))]
SeeLog = Annotated[StaffPage, Depends(Desk(Act.SEE_LOG))]
SeeContracts = Annotated[StaffPage, Depends(Desk(Act.SEE_CONTRACTS))]
EditContracts = Annotated[StaffPage, Depends(Desk(Act.EDIT_CONTRACTS))]
SeeDefinitions = Annotated[StaffPage, Depends(Desk(Act.SEE_DEFINITIONS))]
EditDefinitions = Annotated[StaffPage, Depends(Desk(Act.EDIT_DEFINITIONS))]
ReviewNotice = Annotated[StaffPage, Depends(Desk(Act.REVIEW_NOTICE))]
EditSchema = Annotated[StaffPage, Depends(Desk(Act.EDIT_SCHEMA))]
EditPolicy = Annotated[StaffPage, Depends(Desk(Act.EDIT_POLICY))]
DecideScope = Annotated[StaffPage, Depends(Desk(Act.DECIDE_SCOPE))]
SeeFindings = Annotated[StaffPage, Depends(Desk(Act.SEE_FINDINGS))]
CloseFinding = Annotated[StaffPage, Depends(Desk(Act.CLOSE_FINDING))]
ReadMember = Annotated[StaffPage, Depends(Desk(Act.READ_MEMBER))]
ReviewDecision = Annotated[StaffPage, Depends(Desk(Act.REVIEW_DECISION))]
SeePeople = Annotated[StaffPage, Depends(Desk(Act.SEE_PEOPLE))]
EditPeople = Annotated[StaffPage, Depends(Desk(Act.EDIT_PEOPLE))]
KeepKey = Annotated[StaffPage, Depends(Desk(Act.KEEP_KEY))]
