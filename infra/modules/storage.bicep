metadata description = 'The storage account: rosters, runs, state and the queues. No keys, no public blobs; what is deleted or overwritten can be brought back for a while.'

import { containers, packageContainer, queues, tables } from 'names.bicep'

@description('Where the account is made.')
param location string

@description('Tags.')
param tags object

@description('Name of the account, unique in all of Azure.')
param name string

@description('How many copies there are, and where.')
param redundancy string

@description('Whether the account is reached over private endpoints only.')
param privateNetworking bool

@description('Public IPv4 addresses or ranges that may reach the account in spite of private networking.')
param allowedAddresses string[]

@description('Days after which files of finished drops are deleted from archive.')
param archiveDays int

@description('Days after which plans, findings and reports are deleted from runs.')
param runDays int

@description('Days after which sealed sheets of first passwords are deleted from credentials.')
param credentialDays int

@description('Days for which what was deleted or overwritten can be brought back.')
param recoveryDays int

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: redundancy }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    isLocalUserEnabled: false
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: privateNetworking && empty(allowedAddresses) ? 'Disabled' : 'Enabled'
    supportsHttpsTrafficOnly: true
    networkAcls: {
      // Event Grid delivers as a trusted service, also where nobody else comes in from outside.
      bypass: 'AzureServices'
      defaultAction: privateNetworking ? 'Deny' : 'Allow'
      ipRules: [for address in allowedAddresses: { action: 'Allow', value: address }]
    }
  }
}

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    containerDeleteRetentionPolicy: { enabled: true, days: recoveryDays }
    deleteRetentionPolicy: { enabled: true, days: recoveryDays }
    isVersioningEnabled: true
  }
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = [
  for container in concat(containers, [packageContainer]): {
    parent: blobService
    name: container
    properties: { publicAccess: 'None' }
  }
]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-01-01' = [
  for queue in queues: {
    parent: queueService
    name: queue
  }
]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource table 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-01-01' = [
  for table in tables: {
    parent: tableService
    name: table
  }
]

// https://learn.microsoft.com/azure/storage/blobs/lifecycle-management-overview
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-01-01' = {
  parent: account
  name: 'default'
  dependsOn: [blobService]
  properties: {
    policy: {
      rules: [
        {
          name: 'archive'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['archive/'] }
            actions: {
              baseBlob: {
                tierToCool: { daysAfterModificationGreaterThan: 30 }
                delete: { daysAfterModificationGreaterThan: archiveDays }
              }
            }
          }
        }
        {
          name: 'runs'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['runs/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: runDays } } }
          }
        }
        {
          name: 'credentials'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['credentials/'] }
            actions: {
              baseBlob: { delete: { daysAfterModificationGreaterThan: credentialDays } }
              // A sheet that was deleted is meant to be gone.
              version: { delete: { daysAfterCreationGreaterThan: 1 } }
            }
          }
        }
        {
          name: 'versions'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: { blobTypes: ['blockBlob'] }
            actions: { version: { delete: { daysAfterCreationGreaterThan: recoveryDays } } }
          }
        }
      ]
    }
  }
}

@description('Name of the account.')
output name string = account.name

@description('Address of its blobs.')
output blobEndpoint string = account.properties.primaryEndpoints.blob

@description('Address of its queues.')
output queueEndpoint string = account.properties.primaryEndpoints.queue

@description('Address of its tables.')
output tableEndpoint string = account.properties.primaryEndpoints.table
