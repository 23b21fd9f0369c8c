output "application_address" {
  description = "Public address of the application server: what PUBLIC_URL's name must lead to"
  value       = digitalocean_droplet.server["application"].ipv4_address
}

output "database_private_address" {
  description = "Address at which the application reaches PostgreSQL"
  value       = digitalocean_droplet.server["database"].ipv4_address_private
}

output "bucket_endpoint" {
  description = "DO_SPACES_ENDPOINT, without https://"
  value       = digitalocean_spaces_bucket.films.endpoint
}
