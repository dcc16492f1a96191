metadata name = 'Rollcall'
metadata description = 'All that Rollcall needs in a resource group: the Function App, its storage, vault, events, monitoring and rights.'

@description('Where everything is made.')
param location string = resourceGroup().location

@description('Small letters and digits that stand in the name of every resource, beside others that make it unique.')
@minLength(2)
@maxLength(10)
param name string = 'rollcall'

@description('Tags of every resource.')
param tags object = {}

@description('Version of Python.')
@allowed(['3.11', '3.12', '3.13'])
param pythonVersion string = '3.13'

@description('Memory of an instance in MB; cores come with it: 2048 has one, 4096 two, 512 a quarter.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances of each function. The quota of Microsoft Graph is shared among them, so more do not write faster.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('A group of functions, and how many of its instances always run, also when there is nothing to do.')
type alwaysReadyGroup = {
  @description('http is the portal and the health check; every other function is a group of its own.')
  name:
    | 'http'
    | 'function:arrivals'
    | 'function:arrivals_poison'
    | 'function:changes'
    | 'function:changes_poison'
    | 'function:hourly'
    | 'function:runs'
    | 'function:runs_poison'

  @description('How many instances.')
  @minValue(0)
  @maxValue(20)
  instanceCount: int
}

@description('Instances that always run: they answer without a cold start, and cost money day and night.')
param alwaysReady alwaysReadyGroup[] = []

@description('How many copies of the data there are, and where. ZRS outlives the loss of a data centre; not every region has it.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageRedundancy string = 'Standard_LRS'

@description('Days after which files of finished drops are deleted. Longer than a school year: nightly runs go by the last files of a source, however old.')
@minValue(30)
param archiveDays int = 400

@description('Days after which plans, findings and reports are deleted. Of older runs the portal shows the counts only.')
@minValue(30)
param runDays int = 90

@description('Days after which sealed sheets of first passwords are deleted.')
@minValue(1)
param credentialDays int = 30

@description('Days for which deleted and overwritten blobs can be brought back.')
@minValue(1)
@maxValue(365)
param recoveryDays int = 14

@description('Days for which logs are kept.')
@minValue(30)
@maxValue(730)
param logDays int = 90

@description('Whether storage and vault are reached over a virtual network only. A NAT gateway and four private endpoints come with it.')
param privateNetworking bool = false

@description('Address range of the virtual network, a /24 or larger that is used nowhere else.')
param addressPrefix string = '10.42.0.0/24'

@description('Public IPv4 addresses or ranges that may reach storage and vault in spite of private networking, such as the address of the office. A single address stands alone, without /32.')
param allowedAddresses string[] = []

@description('Object id of who works with Rollcall, best a group: drops rosters, reads runs, approves, sets secrets. Empty for nobody.')
param operatorId string = deployer().objectId

@description('What the operator is.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param operatorType string = 'User'

@description('Client id of the app registration with which people sign in to the portal. Empty: nobody can.')
param portalClientId string = ''

@description('Name of the vault\'s secret with the key that seals first passwords. Empty: none are kept.')
param sheetKeyName string = ''

@description('App settings of your own, such as those that rollcall.yaml names as \${ENV:NAME}. Whatever is set by hand and not here is gone after the next deployment.')
@secure()
param settings object = {}

@description('Addresses that get a mail when a run failed, is held or did not happen, or when a message failed at every try.')
param alertEmails string[] = []

@description('Hours without a run after which a mail is sent. Longer than the pause between two rosters.')
@minValue(2)
@maxValue(47)
param noRunHours int = 26

var suffix = uniqueString(resourceGroup().id)
var storageName = take('${toLower(replace(name, '-', ''))}${suffix}', 24)
var vaultName = 'kv-${take(name, 7)}-${suffix}'
var identityName = 'id-${name}-${suffix}'
var insightsName = 'appi-${name}-${suffix}'
var topicName = 'evgt-${name}-${suffix}'
var appName = 'func-${name}-${suffix}'

module identity 'modules/identity.bicep' = {
  params: { location: location, tags: tags, name: identityName }
}

module monitoring 'modules/monitoring.bicep' = {
  params: {
    location: location
    tags: tags
    workspaceName: 'log-${name}-${suffix}'
    insightsName: insightsName
    logDays: logDays
  }
}

module alerts 'modules/alerts.bicep' = {
  params: {
    location: location
    tags: tags
    namePrefix: '${name}-${suffix}'
    workspaceId: monitoring.outputs.workspaceId
    alertEmails: alertEmails
    noRunHours: noRunHours
  }
}

module workbook 'modules/workbook.bicep' = {
  params: { location: location, tags: tags, workspaceId: monitoring.outputs.workspaceId }
}

module storage 'modules/storage.bicep' = {
  params: {
    location: location
    tags: tags
    name: storageName
    redundancy: storageRedundancy
    privateNetworking: privateNetworking
    allowedAddresses: allowedAddresses
    archiveDays: archiveDays
    runDays: runDays
    credentialDays: credentialDays
    recoveryDays: recoveryDays
  }
}

module vault 'modules/vault.bicep' = {
  params: {
    location: location
    tags: tags
    name: vaultName
    privateNetworking: privateNetworking
    allowedAddresses: allowedAddresses
    workspaceId: monitoring.outputs.workspaceId
  }
}

module network 'modules/network.bicep' = if (privateNetworking) {
  params: {
    location: location
    tags: tags
    name: 'vnet-${name}-${suffix}'
    addressPrefix: addressPrefix
    storageName: storageName
    vaultName: vaultName
  }
  dependsOn: [storage, vault]
}

module events 'modules/events.bicep' = {
  params: {
    location: location
    tags: tags
    name: topicName
    storageName: storageName
  }
  dependsOn: [storage]
}

module roles 'modules/roles.bicep' = {
  params: {
    identityName: identityName
    topicName: topicName
    operatorId: operatorId
    operatorType: operatorType
    storageName: storageName
    vaultName: vaultName
    insightsName: insightsName
  }
  dependsOn: [events, identity, monitoring, storage, vault]
}

module arrivals 'modules/arrivals.bicep' = {
  params: { topicName: topicName, storageName: storageName }
  dependsOn: [roles]
}

module app 'modules/app.bicep' = {
  params: {
    location: location
    tags: tags
    planName: 'asp-${name}-${suffix}'
    name: appName
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    blobEndpoint: storage.outputs.blobEndpoint
    queueEndpoint: storage.outputs.queueEndpoint
    tableEndpoint: storage.outputs.tableEndpoint
    vaultUri: vault.outputs.uri
    insightsConnectionString: monitoring.outputs.connectionString
    subnetId: network.?outputs.appSubnetId ?? ''
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReady: alwaysReady
    portalClientId: portalClientId
    settings: union(
      empty(sheetKeyName)
        ? {}
        : {
            ROLLCALL_CREDENTIALS_KEY: '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=${sheetKeyName})'
          },
      settings
    )
  }
  dependsOn: [roles]
}

module signIn 'modules/signin.bicep' = {
  params: { appName: appName, portalClientId: portalClientId }
  dependsOn: [app]
}

@description('Name of the Function App.')
output ROLLCALL_APP_NAME string = app.outputs.name

@description('Address of the portal.')
output ROLLCALL_PORTAL_URL string = 'https://${app.outputs.hostName}/portal/'

@description('The redirect address of the portal\'s app registration.')
output ROLLCALL_PORTAL_REDIRECT_URI string = 'https://${app.outputs.hostName}/.auth/login/aad/callback'

@description('The health check.')
output ROLLCALL_HEALTH_URL string = 'https://${app.outputs.hostName}/api/health'

@description('The storage account, as commands take it after --account.')
output ROLLCALL_ACCOUNT string = storage.outputs.blobEndpoint

@description('Name of the Key Vault.')
output ROLLCALL_VAULT_NAME string = vault.outputs.name

@description('Object id of the app\'s identity: the one that app roles are granted to.')
output ROLLCALL_IDENTITY_OBJECT_ID string = identity.outputs.principalId

@description('Client id of the app\'s identity.')
output ROLLCALL_IDENTITY_CLIENT_ID string = identity.outputs.clientId

@description('The public address that the app\'s requests come from; empty without private networking, where it changes.')
output ROLLCALL_OUTBOUND_ADDRESS string = network.?outputs.outboundAddress ?? ''

@description('Name of the resource group.')
output AZURE_RESOURCE_GROUP string = resourceGroup().name

@description('Id of the subscription.')
output AZURE_SUBSCRIPTION_ID string = subscription().subscriptionId
