metadata description = 'Tells of each file that is written to the storage account. The topic has an identity of its own: where the account has network rules, only a system-assigned one may deliver.'

// https://learn.microsoft.com/azure/event-grid/handler-storage-queues

@description('Where the topic is made: where the account is.')
param location string

@description('Tags.')
param tags object

@description('Name of the topic.')
param name string

@description('Name of the storage account.')
param storageName string

resource storage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: name
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: {
    source: storage.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}
