"""AWS product codes → FOCUS service categories.

AWS sells disks, load balancers and traffic under the product code of EC2, so the product family is asked first.
"""

from trimtab.tables import text_literal

BY_FAMILY = {
    "Networking": (
        "Data Transfer", "IP Address", "Load Balancer", "Load Balancer-Application", "Load Balancer-Gateway", "Load Balancer-Network",
        "NAT Gateway", "VpcEndpoint", "Transit Gateway", "Cloud Connectivity",
    ),
    "Storage": ("Storage", "Storage Snapshot", "System Operation"),
}  # fmt: skip
"""Families that EC2 and VPC bill beside instances."""
FAMILIES_OF = ("AmazonEC2", "AmazonVPC", "AWSELB", "AWSDataTransfer")

BY_CODE = {
    "AI and Machine Learning": (
        "AmazonA2I", "AmazonBedrock", "AmazonBedrockService", "AmazonComprehend", "AmazonForecast", "AmazonFraudDetector", "AmazonKendra",
        "AmazonLex", "AmazonOmics", "AmazonPersonalize", "AmazonPolly", "AmazonQ", "AmazonRekognition", "AmazonSageMaker",
        "AmazonTextract", "AWSHealthImaging", "comprehend", "transcribe", "translate",
    ),
    "Analytics": (
        "AmazonAthena", "AmazonCloudSearch", "AmazonDataZone", "AmazonES", "AmazonFinSpace", "AmazonKinesis", "AmazonKinesisAnalytics",
        "AmazonKinesisFirehose", "AmazonMSK", "AmazonQuickSight", "AWSCleanRooms", "AWSDataExchange", "AWSEntityResolution", "AWSGlue",
        "AWSLakeFormation", "datapipeline", "ElasticMapReduce",
    ),
    "Business Applications": (
        "AmazonChime", "AmazonChimeServices", "AmazonChimeVoiceConnector", "AmazonConnect", "AmazonPinpoint", "AmazonSES", "AmazonWorkDocs",
        "AmazonWorkMail", "AWSSupplyChain", "AWSWickr", "ContactCenterTelecomm", "ContactLensAmazonConnect",
    ),
    "Compute": (
        "AmazonEC2", "AmazonECR", "AmazonECRPublic", "AmazonECS", "AmazonEKS", "AmazonLightsail", "AmazonROSA", "AWSAppRunner",
        "AWSComputeOptimizer", "AWSLambda", "AWSOutposts", "AWSParallelComputingService", "ComputeSavingsPlans", "SimSpaceWeaver",
        "VMwareCloudOnAWS",
    ),
    "Databases": (
        "AmazonDAX", "AmazonDocDB", "AmazonDynamoDB", "AmazonElastiCache", "AmazonKeyspaces", "AmazonMCS", "AmazonMemoryDB",
        "AmazonNeptune", "AmazonRDS", "AmazonRedshift", "AmazonSimpleDB", "AmazonTimestream", "AWSDatabaseMigrationSvc",
    ),
    "Developer Tools": (
        "AWSAmplify", "AWSCloudShell", "AWSCodeArtifact", "AWSCodeCommit", "AWSCodeDeploy", "AWSCodePipeline", "AWSDeviceFarm",
        "AWSFIS", "AWSXRay", "CodeBuild", "CodeGuru",
    ),
    "Identity": ("AmazonCognito", "AmazonCognitoSync", "AmazonVerifiedPermissions", "AWSDirectoryService", "AWSIAMAccessAnalyzer"),
    "Integration": (
        "AmazonApiGateway", "AmazonMQ", "AmazonMWAA", "AmazonSNS", "AmazonStates", "AmazonSWF", "AppFlow", "AWSAppSync", "AWSEvents",
        "AWSQueueService", "AWSB2Bi",
    ),
    "Internet of Things": (
        "AWSGreengrass", "AWSIoT", "AWSIoTAnalytics", "AWSIoTEvents", "AWSIoTFleetWise", "AWSIoTSiteWise", "IoTDeviceDefender",
        "IoTDeviceManagement", "IoTTwinMaker",
    ),
    "Management and Governance": (
        "AmazonCloudWatch", "AmazonGrafana", "AmazonPrometheus", "AWSBillingConductor", "AWSBudgets", "AWSCloudFormation", "AWSCloudTrail",
        "AWSConfig", "AWSControlTower", "AWSCostExplorer", "AWSResilienceHub", "AWSServiceCatalog", "AWSSupportBusiness",
        "AWSSupportEnterprise", "AWSDeveloperSupport", "AWSSystemsManager", "AWSTelcoNetworkBuilder", "OCBPremiumSupport", "OpsWorks",
    ),
    "Media": (
        "AmazonETS", "AmazonIVS", "AmazonKinesisVideo", "AWSElementalMediaConvert", "AWSElementalMediaLive", "AWSElementalMediaPackage",
        "AWSElementalMediaStore", "AWSElementalMediaTailor", "AWSMediaConnect",
    ),
    "Migration": ("AWSApplicationMigrationSvc", "AWSDataSync", "AWSM2", "AWSMigrationHubRefactorSpaces", "AWSTransfer"),
    "Networking": (
        "AmazonCloudFront", "AmazonRoute53", "AmazonVPC", "AWSCloudMap", "AWSCloudWAN", "AWSDataTransfer", "AWSDirectConnect", "AWSELB",
        "AWSGlobalAccelerator", "AWSPrivate5G", "AWSVPN",
    ),
    "Security": (
        "AmazonDetective", "AmazonGuardDuty", "AmazonInspector", "AmazonInspectorV2", "AmazonMacie", "AmazonSecurityLake",
        "AWSCertificateManager", "AWSFMS", "AWSNetworkFirewall", "AWSSecretsManager", "AWSSecurityHub", "AWSShield", "auditmanager",
        "awskms", "awswaf", "CloudHSM", "PaymentCryptography",
    ),
    "Storage": (
        "AmazonEBS", "AmazonEFS", "AmazonFSx", "AmazonGlacier", "AmazonS3", "AmazonS3GlacierDeepArchive", "AWSBackup",
        "AWSElasticDisasterRecovery", "AWSStorageGateway", "AWSStorageGatewayDeepArchive", "IngestionServiceSnowball",
        "SnowballExtraDays",
    ),
}  # fmt: skip
"""The codes that bills have most; every other one is "Other"."""


def service_category(code: str, family: str) -> str:
    """SQL for the FOCUS ServiceCategory of SQL for a product code and family."""
    families = " ".join(f"WHEN {family} IN ({_listed(names)}) THEN {text_literal(category)}" for category, names in BY_FAMILY.items())
    codes = " ".join(f"WHEN {code} IN ({_listed(names)}) THEN {text_literal(category)}" for category, names in BY_CODE.items())
    of_family = f"CASE WHEN {code} IN ({_listed(FAMILIES_OF)}) THEN CASE {families} END END"
    return f"coalesce({of_family}, CASE {codes} ELSE 'Other' END)"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(text_literal(name) for name in names)
