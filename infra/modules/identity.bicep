metadata description = 'The identity of the app: its rights in Azure and its app roles in Microsoft Graph outlive the app itself.'

@description('Where the identity is made.')
param location string

@description('Tags.')
param tags object

@description('Name of the identity.')
param name string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Resource id of the identity.')
output id string = identity.id

@description('Object id of the identity, to which roles and app roles are given.')
output principalId string = identity.properties.principalId

@description('Client id of the identity, by which code asks for its tokens.')
output clientId string = identity.properties.clientId
