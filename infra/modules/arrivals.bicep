metadata description = 'Puts a message on the queue arrivals for each file in the container rosters. It comes after the roles: the topic must be allowed to send.'

import { arrivalsQueue } from 'names.bicep'

@description('Name of the Event Grid topic.')
param topicName string

@description('Name of the storage account.')
param storageName string

resource storage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'arrivals'
  properties: {
    deliveryWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      destination: {
        endpointType: 'StorageQueue'
        properties: { resourceId: storage.id, queueName: arrivalsQueue }
      }
    }
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/rosters/'
    }
    // What does not arrive in a day is found by the hourly look at the folders.
    retryPolicy: { eventTimeToLiveInMinutes: 1440, maxDeliveryAttempts: 30 }
  }
}
