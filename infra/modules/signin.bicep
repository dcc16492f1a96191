metadata description = 'App Service Authentication before the portal. The app\'s identity vouches for the app registration, so there is no secret to keep.'

// https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad

@description('Name of the app.')
param appName string

@description('Client id of the portal\'s app registration; empty switches signing in off, and the portal then answers 401 to everybody.')
param portalClientId string

resource app 'Microsoft.Web/sites@2024-11-01' existing = {
  name: appName
}

resource signIn 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: !empty(portalClientId), runtimeVersion: '~1' }
    globalValidation: {
      excludedPaths: ['/api/health']
      redirectToProvider: 'azureactivedirectory'
      requireAuthentication: true
      unauthenticatedClientAction: 'RedirectToLoginPage'
    }
    httpSettings: { requireHttps: true }
    identityProviders: empty(portalClientId)
      ? {}
      : {
          azureActiveDirectory: {
            enabled: true
            registration: {
              clientId: portalClientId
              clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
              openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
            }
            validation: { allowedAudiences: [portalClientId, 'api://${portalClientId}'] }
          }
        }
    login: { tokenStore: { enabled: false } }
  }
}
