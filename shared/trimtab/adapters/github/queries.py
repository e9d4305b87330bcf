"""GraphQL documents: what is asked for, in as few requests as GitHub allows."""

REPO = """
fragment Repo on Repository { id databaseId nameWithOwner isArchived visibility mergeCommitAllowed squashMergeAllowed rebaseMergeAllowed }
"""

_BRIEF = """
fragment Brief on PullRequest {
  id number url title body state isDraft isCrossRepository isInMergeQueue isMergeQueueEnabled mergeable
  author { __typename login } headRefName headRefOid baseRefName baseRefOid baseRef { target { oid } }
  mergeCommit { oid message } mergedBy { __typename login } labels(first: 100) { nodes { name } }
}
"""

_CONTEXTS = """
fragment Contexts on StatusCheckRollupContextConnection {
  pageInfo { hasNextPage endCursor }
  nodes {
    __typename
    ... on CheckRun { databaseId name status conclusion title summary url checkSuite { app { databaseId slug } } }
    ... on StatusContext { context state description targetUrl creator { __typename login } }
  }
}
"""

_SAID = """
fragment Said on IssueComment { author { __typename login } body createdAt lastEditedAt editor { __typename login } }
"""

_FULL = """
fragment Reviews on PullRequestReviewConnection {
  pageInfo { hasNextPage }
  nodes { author { __typename login } state submittedAt authorCanPushToRepository commit { oid } }
}
fragment Full on PullRequest {
  ...Brief
  latestReviews(first: 100) { ...Reviews }
  latestOpinionatedReviews(first: 100) { ...Reviews }
  comments(first: 100) { pageInfo { hasNextPage endCursor } nodes { ...Said } }
  statusCheckRollup { contexts(first: 100) { ...Contexts } }
}
"""

_PULL_PARTS = REPO + _BRIEF + _CONTEXTS + _SAID + _FULL

BASE = (
    REPO
    + """
query Base($owner: String!, $name: String!, $ref: String!) {
  repository(owner: $owner, name: $name) { ...Repo ref(qualifiedName: $ref) { target { oid } } }
}
"""
)

BRANCH = (
    REPO
    + _BRIEF
    + """
query Branch($owner: String!, $name: String!, $branch: String!, $ref: String!, $base: String!, $after: String) {
  repository(owner: $owner, name: $name) {
    ...Repo
    base: ref(qualifiedName: $base) { target { oid } }
    ref(qualifiedName: $ref) { target { oid } }
    pullRequests(headRefName: $branch, first: 100, after: $after, orderBy: {field: CREATED_AT, direction: DESC}) {
      pageInfo { hasNextPage endCursor } nodes { ...Brief }
    }
  }
}
"""
)

PULL = (
    _PULL_PARTS
    + """
query Pull($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) { ...Repo pullRequest(number: $number) { ...Full } }
}
"""
)

OPEN_PULLS = (
    REPO
    + _BRIEF
    + """
query OpenPulls($owner: String!, $name: String!, $after: String) {
  repository(owner: $owner, name: $name) {
    ...Repo
    pullRequests(states: [OPEN], first: 50, after: $after, orderBy: {field: CREATED_AT, direction: ASC}) {
      pageInfo { hasNextPage endCursor } nodes { ...Brief }
    }
  }
}
"""
)

COMMENTS = (
    _SAID
    + """
query Comments($id: ID!, $after: String) {
  node(id: $id) {
    ... on PullRequest {
      comments(first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes { ...Said } }
    }
  }
}
"""
)

CHECKS = (
    REPO
    + _CONTEXTS
    + """
query Checks($owner: String!, $name: String!, $oid: GitObjectID!, $after: String) {
  repository(owner: $owner, name: $name) {
    ...Repo object(oid: $oid) { ... on Commit { statusCheckRollup { contexts(first: 100, after: $after) { ...Contexts } } } }
  }
}
"""
)

ISSUES = (
    REPO
    + """
query Issues($owner: String!, $name: String!, $after: String) {
  repository(owner: $owner, name: $name) {
    ...Repo
    issues(first: 100, after: $after, orderBy: {field: CREATED_AT, direction: ASC}) {
      pageInfo { hasNextPage endCursor } nodes { number url title body state author { __typename login } }
    }
  }
}
"""
)

QUEUE = (
    REPO
    + """
query Queue($owner: String!, $name: String!, $branch: String!) {
  repository(owner: $owner, name: $name) {
    ...Repo
    mergeQueue(branch: $branch) {
      entries(first: 100) { nodes { position pullRequest { number } baseCommit { oid } headCommit { oid } } }
    }
  }
}
"""
)

TEST_MERGE = """
query TestMerge($owner: String!, $name: String!, $oid: GitObjectID!) {
  repository(owner: $owner, name: $name) {
    object(oid: $oid) {
      ... on Commit {
        associatedPullRequests(first: 20) {
          nodes {
            state mergeable isCrossRepository headRefOid baseRef { target { oid } }
            potentialMergeCommit { oid parents(first: 3) { nodes { oid } } }
          }
        }
      }
    }
  }
}
"""

DELETE = "0" * 40
"""What a ref is updated to that shall be gone."""

PROTECTION = """
query Protection($owner: String!, $name: String!, $ref: String!) {
  repository(owner: $owner, name: $name) {
    ref(qualifiedName: $ref) {
      refUpdateRule { requiredApprovingReviewCount requiresCodeOwnerReviews viewerCanPush }
      branchProtectionRule {
        requiresStrictStatusChecks dismissesStaleReviews requireLastPushApproval requiredStatusChecks { context app { databaseId } }
      }
    }
  }
}
"""

COMMIT_NEW = """
mutation Commit($ref: CreateRefInput!, $commit: CreateCommitOnBranchInput!) {
  createRef(input: $ref) { ref { target { oid } } }
  createCommitOnBranch(input: $commit) { commit { oid } }
}
"""

COMMIT_ON = """
mutation Commit($commit: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $commit) { commit { oid } } }
"""

MOVE = """
mutation Move($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }
"""

OPEN = (
    _PULL_PARTS.removeprefix(REPO)
    + """
mutation Open($input: CreatePullRequestInput!) { createPullRequest(input: $input) { pullRequest { ...Full } } }
"""
)

LABEL = (
    _PULL_PARTS.removeprefix(REPO)
    + """
mutation Label($input: AddLabelsToLabelableInput!) {
  addLabelsToLabelable(input: $input) { labelable { ... on PullRequest { ...Full } } }
}
"""
)

ENQUEUE = """
mutation Enqueue($input: EnqueuePullRequestInput!) { enqueuePullRequest(input: $input) { mergeQueueEntry { position } } }
"""


def blobs(oids: list[str]) -> tuple[str, dict[str, str]]:
    """A query for many blobs at once, and its variables beside owner and name."""
    names = [f"o{n}" for n in range(len(oids))]
    declared = " ".join(f"${name}: GitObjectID!" for name in names)
    fields = " ".join(f"{name}: object(oid: ${name}) {{ ... on Blob {{ oid byteSize text }} }}" for name in names)
    document = f"query Blobs($owner: String!, $name: String!, {declared}) {{ repository(owner: $owner, name: $name) {{ {fields} }} }}"
    return document, dict(zip(names, oids, strict=True))


def labels(names: list[str]) -> tuple[str, dict[str, str]]:
    """A query for labels by name, and its variables beside owner and name."""
    keys = [f"l{n}" for n in range(len(names))]
    declared = " ".join(f"${key}: String!" for key in keys)
    fields = " ".join(f"{key}: label(name: ${key}) {{ id name }}" for key in keys)
    document = f"query Labels($owner: String!, $name: String!, {declared}) {{ repository(owner: $owner, name: $name) {{ {fields} }} }}"
    return document, dict(zip(keys, names, strict=True))


def histories(paths: list[str]) -> tuple[str, dict[str, str]]:
    """A query for the newest commits that changed each of these paths, with everybody whom they name; and its paths by key."""
    keys = [f"h{n}" for n in range(len(paths))]
    declared = " ".join(f"${key}: String!" for key in keys)
    fields = " ".join(f"{key}: history(first: 100, path: ${key}) {{ ...Hands }}" for key in keys)
    opening = f"query Histories($owner: String!, $name: String!, $oid: GitObjectID!, {declared})"
    document = f"{opening} {{ repository(owner: $owner, name: $name) {{ object(oid: $oid) {{ ... on Commit {{ {fields} }} }} }} }} {_HANDS}"
    return document, dict(zip(keys, paths, strict=True))


_HANDS = """
fragment Hands on CommitHistoryConnection {
  pageInfo { hasNextPage }
  nodes {
    oid authors(first: 20) { nodes { user { login } } } committer { user { login } }
    associatedPullRequests(first: 10) { nodes { author { __typename login } mergedBy { __typename login } } }
  }
}
"""

CREATE_LABEL = """
mutation CreateLabel($input: CreateLabelInput!) { createLabel(input: $input) { label { id } } }
"""
