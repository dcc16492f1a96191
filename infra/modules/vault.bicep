metadata description = 'The Key Vault with the secrets of the student information systems and the key that seals first passwords.'

@description('Where the vault is made.')
param location string

@description('Tags.')
param tags object

@description('Name of the vault, unique in all of Azure.')
param name string

@description('Whether the vault is reached over a private endpoint only.')
param privateNetworking bool

@description('Public IPv4 addresses or ranges that may reach the vault in spite of private networking.')
param allowedAddresses string[]

@description('Resource id of the Log Analytics workspace that hears who read which secret.')
param workspaceId string

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    enablePurgeProtection: true
    enableRbacAuthorization: true
    enableSoftDelete: true
    publicNetworkAccess: privateNetworking && empty(allowedAddresses) ? 'disabled' : 'enabled'
    sku: { family: 'A', name: 'standard' }
    softDeleteRetentionInDays: 90
    tenantId: tenant().tenantId
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: privateNetworking ? 'Deny' : 'Allow'
      ipRules: [for address in allowedAddresses: { value: address }]
    }
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'audit', enabled: true }]
  }
}

@description('Name of the vault.')
output name string = vault.name

@description('Address of the vault.')
output uri string = vault.properties.vaultUri
