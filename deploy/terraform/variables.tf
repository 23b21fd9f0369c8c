# Ids of what exists: `doctl compute droplet list`, `doctl compute firewall list`. Names and sizes only fill what
# Terraform asks for; what is there counts. Put them into terraform.tfvars, which git ignores.
variable "application_droplet_id" {
  type        = string
  description = "Number of the application server's droplet"
}

variable "database_droplet_id" {
  type        = string
  description = "Number of the database server's droplet"
}

variable "firewall_id" {
  type        = string
  description = "Id (UUID) of the cloud firewall in front of both"
}

variable "bucket_name" {
  type        = string
  description = "Bucket of the films (DO_SPACES_BUCKET)"
}

variable "bucket_region" {
  type        = string
  description = "Region of the bucket (DO_SPACES_REGION)"
  default     = "nyc3"
}

variable "region" {
  type        = string
  description = "Region of the droplets"
  default     = "nyc3"
}

variable "application_name" {
  type    = string
  default = "raiox-app"
}

variable "database_name" {
  type    = string
  default = "raiox-database"
}

variable "firewall_name" {
  type    = string
  default = "raiox"
}

variable "application_size" {
  type    = string
  default = "s-2vcpu-4gb"
}

variable "database_size" {
  type    = string
  default = "s-1vcpu-2gb"
}

variable "image" {
  type    = string
  default = "ubuntu-24-04-x64"
}
