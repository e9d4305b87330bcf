"""Azure's own words for what FOCUS names: the spellings of its columns, its service families and meters."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "account": ("billingaccountid",),
    "account_name": ("billingaccountname",),
    "additional": ("additionalinfo",),
    "agreement": ("accountname",),
    "benefit": ("benefitid", "reservationid"),
    "benefit_name": ("benefitname", "reservationname"),
    "charge": ("chargetype",),
    "cost": ("costinbillingcurrency", "pretaxcost", "cost", "extendedcost"),
    "currency": ("billingcurrencycode", "billingcurrency", "currency", "currencycode"),
    "date": ("date", "usagedatetime", "usagedate"),
    "family": ("servicefamily",),
    "frequency": ("frequency",),
    "invoice": ("invoiceid", "invoicenumber"),
    "list_cost": ("paygcostinbillingcurrency",),
    "list_price": ("paygprice",),
    "location": ("resourcelocation", "location", "meterregion"),
    "meter": ("meterid",),
    "meter_category": ("metercategory",),
    "meter_name": ("metername",),
    "model": ("pricingmodel",),
    "part": ("partnumber", "productid"),
    "partner": ("partnername",),
    "period_end": ("billingperiodenddate", "billingperiodend"),
    "period_start": ("billingperiodstartdate", "billingperiodstart"),
    "product": ("productname", "product", "metername"),
    "profile": ("billingprofileid",),
    "profile_name": ("billingprofilename",),
    "publisher": ("publishername",),
    "quantity": ("quantity", "usagequantity", "consumedquantity"),
    "resource": ("resourceid", "instanceid", "instancename"),
    "resource_name": ("resourcename",),
    "resource_type": ("resourcetype",),
    "service": ("servicename", "metercategory"),
    "subscription": ("subscriptionid", "subscriptionguid"),
    "subscription_name": ("subscriptionname",),
    "tags": ("tags",),
    "unit": ("unitofmeasure",),
    "unit_price": ("unitprice",),
    "zone": ("availabilityzone",),
}
"""What we ask for → how agreements, API versions and languages spell it, folded to small letters and digits; the first is preferred."""

MODERN = frozenset({"costinusd", "costinpricingcurrency", "exchangeratepricingtobilling"})
"""Columns of the Microsoft Customer Agreement, where the billing profile is what is invoiced."""

CHARGES = {
    "Usage": "Usage", "UnusedReservation": "Usage", "UnusedSavingsPlan": "Usage", "Purchase": "Purchase", "Refund": "Purchase",
    "Tax": "Tax", "Credit": "Credit",
}  # fmt: skip
"""ChargeType → ChargeCategory; any other (RoundingAdjustment, Adjustment) is an Adjustment."""
FREQUENCIES = {"OneTime": "One-Time", "Recurring": "Recurring", "UsageBased": "Usage-Based"}
PRICING = {"OnDemand": "Standard", "Spot": "Dynamic", "Reservation": "Committed", "SavingsPlan": "Committed", "Savings Plan": "Committed"}
"""PricingModel → PricingCategory of usage; a purchase of a commitment is itself at the standard price."""

FAMILIES = {
    "AI + Machine Learning": "AI and Machine Learning", "Analytics": "Analytics", "Compute": "Compute", "Containers": "Compute",
    "Databases": "Databases", "Developer Tools": "Developer Tools", "DevOps": "Developer Tools", "Identity": "Identity",
    "Integration": "Integration", "Internet of Things": "Internet of Things", "Management and Governance": "Management and Governance",
    "Media": "Media", "Migration": "Migration", "Networking": "Networking", "Security": "Security", "Storage": "Storage", "Web": "Web",
}  # fmt: skip
METERS = {
    "Application Gateway": "Networking", "Automation": "Management and Governance", "Azure App Service": "Web",
    "Azure Cosmos DB": "Databases", "Azure DNS": "Networking", "Azure Database for MySQL": "Databases",
    "Azure Database for PostgreSQL": "Databases", "Azure Kubernetes Service": "Compute",
    "Azure Machine Learning": "AI and Machine Learning", "Azure Monitor": "Management and Governance", "Bandwidth": "Networking",
    "Container Instances": "Compute", "Container Registry": "Developer Tools", "ExpressRoute": "Networking", "Functions": "Compute",
    "IP Addresses": "Networking", "Key Vault": "Security", "Load Balancer": "Networking", "Log Analytics": "Management and Governance",
    "NAT Gateway": "Networking", "Redis Cache": "Databases", "SQL Database": "Databases", "Storage": "Storage",
    "VPN Gateway": "Networking", "Virtual Machines": "Compute", "Virtual Machines Licenses": "Compute", "Virtual Network": "Networking",
}  # fmt: skip
"""Meter category → ServiceCategory, for files that have no service family."""
