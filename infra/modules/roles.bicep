metadata description = 'Who may do what in Azure: the app, Event Grid and, where one is named, an operator. What each assignment is for is compared with the code by a test.'

import {
  arrivalsQueue
  operatorContainers
  operatorQueues
  operatorTables
  outcomesTable
  queues
  roles
  tables
} from 'names.bicep'

@description('Name of the app\'s identity.')
param identityName string

@description('Name of the Event Grid topic, which has an identity of its own.')
param topicName string

@description('Object id of the person, group or application that works with Rollcall; empty for nobody.')
param operatorId string

@description('What the operator is.')
param operatorType string

@description('Name of the storage account.')
param storageName string

@description('Name of the Key Vault.')
param vaultName string

@description('Name of the Application Insights component.')
param insightsName string

var hasOperator = !empty(operatorId)

resource storage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageName

  resource blobs 'blobServices' existing = { name: 'default' }

  resource queues 'queueServices' existing = { name: 'default' }

  resource tables 'tableServices' existing = { name: 'default' }
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-01-01' existing = [
  for queue in queues: { parent: storage::queues, name: queue }
]

resource table 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-01-01' existing = [
  for table in tables: { parent: storage::tables, name: table }
]

resource arrivals 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-01-01' existing = {
  parent: storage::queues
  name: arrivalsQueue
}

resource operatorContainer 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = [
  for container in operatorContainers: { parent: storage::blobs, name: container }
]

resource operatorQueue 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-01-01' existing = [
  for queue in operatorQueues: { parent: storage::queues, name: queue }
]

resource operatorTable 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-01-01' existing = [
  for table in operatorTables: { parent: storage::tables, name: table }
]

resource outcomes 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-01-01' existing = {
  parent: storage::tables
  name: outcomesTable
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: vaultName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

// An assignment is named by its scope, who has it and the role, so that it is made once. Who has it is
// named by resource id: an object id is not known before the deployment, and a what-if would be blind.

// The app ---------------------------------------------------------------------------------------

// The Functions host keeps locks, keys and the state of timers in containers that it makes itself, so
// the vendor asks for this on the whole account; the containers of Rollcall come with it.
// https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
resource appBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage
  name: guid(storage.id, identity.id, roles.blobDataOwner)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataOwner)
  }
}

resource appQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, i) in queues: {
    scope: queue[i]
    name: guid(queue[i].id, identity.id, roles.queueDataContributor)
    properties: {
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.queueDataContributor)
    }
  }
]

resource appTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, i) in tables: {
    scope: table[i]
    name: guid(table[i].id, identity.id, roles.tableDataContributor)
    properties: {
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.tableDataContributor)
    }
  }
]

resource appSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, identity.id, roles.keyVaultSecretsUser)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
  }
}

resource appTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: insights
  name: guid(insights.id, identity.id, roles.monitoringMetricsPublisher)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.monitoringMetricsPublisher
    )
  }
}

// Event Grid ------------------------------------------------------------------------------------

resource eventsArrivals 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: arrivals
  name: guid(arrivals.id, topic.id, roles.queueDataMessageSender)
  properties: {
    principalId: topic.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.queueDataMessageSender)
  }
}

// An operator: drops rosters, reads runs, approves, and sets secrets. Not the container credentials -

resource operatorBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, i) in operatorContainers: if (hasOperator) {
    scope: operatorContainer[i]
    name: guid(operatorContainer[i].id, operatorId, roles.blobDataContributor)
    properties: {
      principalId: operatorId
      principalType: operatorType
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataContributor)
    }
  }
]

resource operatorMessages 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, i) in operatorQueues: if (hasOperator) {
    scope: operatorQueue[i]
    name: guid(operatorQueue[i].id, operatorId, roles.queueDataMessageSender)
    properties: {
      principalId: operatorId
      principalType: operatorType
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.queueDataMessageSender)
    }
  }
]

resource operatorRows 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, i) in operatorTables: if (hasOperator) {
    scope: operatorTable[i]
    name: guid(operatorTable[i].id, operatorId, roles.tableDataContributor)
    properties: {
      principalId: operatorId
      principalType: operatorType
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.tableDataContributor)
    }
  }
]

resource operatorOutcomes 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (hasOperator) {
  scope: outcomes
  name: guid(outcomes.id, operatorId, roles.tableDataReader)
  properties: {
    principalId: operatorId
    principalType: operatorType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.tableDataReader)
  }
}

resource operatorSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (hasOperator) {
  scope: vault
  name: guid(vault.id, operatorId, roles.keyVaultSecretsOfficer)
  properties: {
    principalId: operatorId
    principalType: operatorType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsOfficer)
  }
}
