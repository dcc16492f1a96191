targetScope = 'subscription'

metadata name = 'Rollcall for the Azure Developer CLI'
metadata description = 'Makes a resource group and deploys main.bicep into it.'

@description('Name of the azd environment.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Where everything is made.')
@minLength(1)
param location string

@description('Memory of an instance in MB.')
param instanceMemoryMB int

@description('How many copies of the data there are, and where.')
param storageRedundancy string

@description('Whether storage and vault are reached over a virtual network only.')
param privateNetworking bool

@description('Public IPv4 addresses or ranges that may reach storage and vault in spite of private networking.')
param allowedAddresses string[]

@description('Object id of who works with Rollcall. Empty for nobody.')
param operatorId string

@description('What the operator is.')
param operatorType string

@description('Client id of the app registration with which people sign in to the portal. Empty: nobody can.')
param portalClientId string

@description('Name of the vault\'s secret with the key that seals first passwords. Empty: none are kept.')
param sheetKeyName string

@description('Addresses that get a mail when a run failed, is held or did not happen.')
param alertEmails string[]

var tags = { 'azd-env-name': environmentName }

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-rollcall-${environmentName}'
  location: location
  tags: tags
}

module main 'main.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    instanceMemoryMB: instanceMemoryMB
    storageRedundancy: storageRedundancy
    privateNetworking: privateNetworking
    allowedAddresses: allowedAddresses
    operatorId: operatorId
    operatorType: operatorType
    portalClientId: portalClientId
    sheetKeyName: sheetKeyName
    alertEmails: alertEmails
  }
}

@description('Name of the Function App.')
output ROLLCALL_APP_NAME string = main.outputs.ROLLCALL_APP_NAME

@description('Address of the portal.')
output ROLLCALL_PORTAL_URL string = main.outputs.ROLLCALL_PORTAL_URL

@description('The redirect address of the portal\'s app registration.')
output ROLLCALL_PORTAL_REDIRECT_URI string = main.outputs.ROLLCALL_PORTAL_REDIRECT_URI

@description('The health check.')
output ROLLCALL_HEALTH_URL string = main.outputs.ROLLCALL_HEALTH_URL

@description('The storage account, as commands take it after --account.')
output ROLLCALL_ACCOUNT string = main.outputs.ROLLCALL_ACCOUNT

@description('Name of the Key Vault.')
output ROLLCALL_VAULT_NAME string = main.outputs.ROLLCALL_VAULT_NAME

@description('Object id of the app\'s identity: the one that app roles are granted to.')
output ROLLCALL_IDENTITY_OBJECT_ID string = main.outputs.ROLLCALL_IDENTITY_OBJECT_ID

@description('Client id of the app\'s identity.')
output ROLLCALL_IDENTITY_CLIENT_ID string = main.outputs.ROLLCALL_IDENTITY_CLIENT_ID

@description('The public address that the app\'s requests come from; empty without private networking, where it changes.')
output ROLLCALL_OUTBOUND_ADDRESS string = main.outputs.ROLLCALL_OUTBOUND_ADDRESS

@description('Name of the resource group.')
output AZURE_RESOURCE_GROUP string = main.outputs.AZURE_RESOURCE_GROUP

@description('Id of the subscription.')
output AZURE_SUBSCRIPTION_ID string = main.outputs.AZURE_SUBSCRIPTION_ID
