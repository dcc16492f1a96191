metadata description = 'The Flex Consumption plan and the Function App on it, with all of its settings.'

import { packageContainer } from 'names.bicep'

@description('Where plan and app are made.')
param location string

@description('Tags of the plan; the app has the name of its azd service beside them.')
param tags object

@description('Name of the plan.')
param planName string

@description('Name of the app, unique in all of Azure.')
param name string

@description('Resource id of the app\'s identity.')
param identityId string

@description('Client id of the app\'s identity.')
param identityClientId string

@description('Address of the storage account\'s blobs.')
param blobEndpoint string

@description('Address of the storage account\'s queues.')
param queueEndpoint string

@description('Address of the storage account\'s tables.')
param tableEndpoint string

@description('Address of the Key Vault.')
param vaultUri string

@description('Where telemetry is sent to.')
param insightsConnectionString string

@description('Subnet for the app\'s outbound requests; empty without private networking.')
param subnetId string

@description('Version of Python.')
param pythonVersion string

@description('Memory of an instance in MB.')
param instanceMemoryMB int

@description('Most instances of each function.')
param maximumInstanceCount int

@description('Instances that are always ready, by group.')
param alwaysReady { name: string, instanceCount: int }[]

@description('Client id of the portal\'s app registration; empty while the portal is switched off.')
param portalClientId string

@description('Settings beside those that are made here; where both have a name, these win.')
@secure()
param settings object

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    clientAffinityEnabled: false
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${blobEndpoint}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: { name: 'python', version: pythonVersion }
      scaleAndConcurrency: {
        alwaysReady: alwaysReady
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
      }
    }
    siteConfig: { minTlsVersion: '1.2', scmMinTlsVersion: '1.2' }
  }
}

// One after the other: a site refuses to be changed while another change of it is under way.
resource appSettings 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'appsettings'
  dependsOn: [scm]
  properties: union(
    {
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
      APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
      AZURE_CLIENT_ID: identityClientId
      AZURE_TOKEN_CREDENTIALS: 'prod'
      AzureWebJobsStorage__blobServiceUri: blobEndpoint
      AzureWebJobsStorage__clientId: identityClientId
      AzureWebJobsStorage__credential: 'managedidentity'
      AzureWebJobsStorage__queueServiceUri: queueEndpoint
      AzureWebJobsStorage__tableServiceUri: tableEndpoint
      ROLLCALL_KEYVAULT_URL: vaultUri
    },
    empty(portalClientId)
      ? {}
      : {
          OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId
          WEBSITE_AUTH_AAD_ALLOWED_TENANTS: tenant().tenantId
        },
    settings
  )
}

// Nobody publishes with a password: https://learn.microsoft.com/azure/app-service/configure-basic-auth-disable
resource ftp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource scm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'scm'
  dependsOn: [ftp]
  properties: { allow: false }
}

@description('Name of the app.')
output name string = app.name

@description('Host name of the app.')
output hostName string = app.properties.defaultHostName
